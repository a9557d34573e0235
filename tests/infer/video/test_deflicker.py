"""Scene cuts, and less flicker where nothing moves."""

from pathlib import Path

import numpy as np
import pytest

from allaprima.images.video import Frame, Wanted, open_clip
from allaprima.infer.video.deflicker import Steady
from allaprima.infer.video.scene_cuts import CutDetector
from tests.images.video.conftest import picture


def cuts(pictures: list[np.ndarray]) -> list[int]:
    starts_scene = CutDetector()
    return [index for index, image in enumerate(pictures) if starts_scene(image)]


def test_a_cut_is_found_where_it_is() -> None:
    other = [255 - picture(index + 40) for index in range(10)]
    assert cuts([picture(index) for index in range(10)] + other) == [10]


def test_a_camera_that_turns_makes_no_scene() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 60, 3), dtype=np.uint8)
    wide = noise.repeat(8, axis=0).repeat(8, axis=1)
    assert cuts([wide[:, start : start + 128] for start in range(0, 320, 10)]) == []


def test_light_that_rises_makes_no_scene() -> None:
    assert cuts([np.full((48, 64, 3), 10 * level, np.uint8) for level in range(25)]) == []


@pytest.mark.shared
def test_cuts_of_real_clips(shared: Path) -> None:
    """The clip with a jump at its end, one with a cut, and one that a hand holds and turns."""
    cuts_by_clip = {}
    for name in ("video-dev/armwrestle.mp4", "bad-inputs/multi_stream.mp4", "video-dev/cockatoo.mp4"):
        clip = open_clip(shared / "data" / name)
        items = clip.items(Wanted(144, 144 * clip.info.width // clip.info.height))
        cuts_by_clip[name] = cuts([item.picture for item in items if isinstance(item, Frame)])
    assert list(cuts_by_clip.values()) == [[268], [240], []]


def test_flicker_of_what_stands_still_is_less() -> None:
    random = np.random.default_rng(0)
    steady = Steady()
    painted = [
        (picture(0, 90, 120) + random.normal(0, 12, (90, 120, 3))).clip(0, 255).astype(np.uint8)
        for _ in range(12)
    ]
    shown = [steady(picture(0, 90, 120), frame) for frame in painted]
    assert (shown[0] == painted[0]).all()

    def flicker(frames: list[np.ndarray]) -> float:
        return float(abs(np.diff(np.stack(frames[4:]).astype(int), axis=0)).mean())

    assert flicker(shown) < 0.4 * flicker(painted)


def test_what_moves_is_not_held_back() -> None:
    steady = Steady()
    before, after = np.zeros((90, 120, 3), np.uint8), np.zeros((90, 120, 3), np.uint8)
    after[:, 60:] = 200
    first, second = np.full_like(before, 30), np.full_like(before, 220)
    steady(before, first)
    shown = steady(after, second)
    assert (shown[:, 66:] == 220).all()
    assert (shown[:, :54] < 100).all()


def test_nothing_is_kept_over_a_cut() -> None:
    steady = Steady()
    steady(picture(0), picture(1))
    steady.reset()
    assert (steady(picture(0), picture(5)) == picture(5)).all()


def test_another_size_begins_anew() -> None:
    steady = Steady()
    steady(picture(0), picture(1))
    assert steady(picture(0, 24, 32), picture(5, 24, 32)).shape == (24, 32, 3)
