"""Clips among the photographs: a frame a second, at the right times; what cannot be read is left out."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

from allaprima.train.data.clip_frames import ClipFrame
from allaprima.train.data.sources import open_source
from allaprima.train.data.undecoded_picture import NoPicture
from allaprima.train.settings.parsing import load_config
from allaprima.train.style_run import train_style
from tests.images.video.conftest import RATE, Making, make_clip, picture


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    return make_clip(folder / "three.mp4", Making([picture(index) for index in range(3 * RATE)]))


def test_a_clip_gives_a_frame_a_second(clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Image.new("RGB", (64, 48), (200, 0, 0)).save(tmp_path / "red.png")
    (clip.parent / "broken.mov").write_bytes(b"no clip")
    source = open_source(str(tmp_path))
    names = [source.name(index) for index in range(len(source))]
    assert names == ["red.png", *(f"clips/three.mp4 at {second} s" for second in range(3))]
    for second in range(3):
        pixels = source[1 + second]
        assert isinstance(pixels, np.ndarray)
        assert abs(pixels.astype(int) - picture(second * RATE)).mean() < 4
    assert "left out: clip" in caplog.text
    assert "broken.mov' cannot be read" in caplog.text
    assert "3 frames of clips are among the photographs" in caplog.text
    before = source.fingerprint()
    (clip.parent / "broken.mov").unlink()
    assert open_source(str(tmp_path)).fingerprint() == before
    clip.unlink()
    assert open_source(str(tmp_path)).fingerprint() != before


def test_a_frame_that_is_not_there_is_skipped_like_a_broken_picture(clip: Path) -> None:
    for payload in (ClipFrame(clip, "late", 9).payload(), ClipFrame(clip.with_name("no"), "no", 0).payload()):
        assert isinstance(payload, NoPicture)


def test_only_broken_clips_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no clip")
    with pytest.raises(ValueError, match="no pictures in"):
        open_source(str(tmp_path))


def test_a_run_learns_from_clips_alone(settings: dict[str, Any], clip: Path, tmp_path: Path) -> None:
    changes = {"content": str(clip.parent), "output": tmp_path / "run", "val_pictures": 1, "temporal": 1}
    assert train_style(load_config(None, {**settings, **changes})).steps == 6
