"""Warping errors: closed forms, known motion, scenes with their truth, and the command's report."""

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("cv2")
pytest.importorskip("av")

from allaprima.images.pixels import Pixels
from allaprima.models.style_file import StyleHeader, load_style, save_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.evaluate.video.measure import Videos
from allaprima.train.evaluate.video.optical_flow import FlowEstimator, Motion, read_flow, warped_back
from allaprima.train.evaluate.video.sintel_scene import read_scene
from allaprima.train.evaluate.video.steadiness import (
    ITSELF,
    Steadiness,
    clip_steadiness,
    painted,
    scene_steadiness,
    still_steadiness,
    warping_error,
)
from allaprima.train.evaluate.video.strips import strips
from tests.conftest import Run, paint
from tests.images.video.conftest import Making, make_clip

SIZE = (96, 128)
MOVED = (3, 2)
"""Pixels to the right and down."""


def texture(seed: int = 0) -> Pixels:
    return np.asarray(paint(160, 200, seed))


def frame(index: int, source: Pixels | None = None) -> Pixels:
    """Return a window of a picture that moves left and up, so that its content moves right and down."""
    picture = texture() if source is None else source
    x, y = 40 - MOVED[0] * index, 40 - MOVED[1] * index
    return picture[y : y + SIZE[0], x : x + SIZE[1]]


def still(share: float = 1.0) -> Motion:
    visible = np.zeros(SIZE, bool)
    visible.reshape(-1)[: round(share * visible.size)] = True
    return Motion(np.zeros((*SIZE, 2), np.float32), visible)


def known_motion() -> Motion:
    flow = np.broadcast_to(np.array(MOVED, np.float32), (*SIZE, 2)).copy()
    visible = np.ones(SIZE, bool)
    visible[-MOVED[1] :], visible[:, -MOVED[0] :] = False, False
    return Motion(flow, visible)


def mean(found: Steadiness, label: str) -> float:
    value = found.means[label]
    assert value is not None
    return value


def write_flow(path: Path, flow: Any) -> None:
    height, width = flow.shape[:2]
    path.write_bytes(struct.pack("<fii", 202021.25, width, height) + flow.astype("<f4").tobytes())


def test_the_error_is_the_mean_difference_where_pixels_are_visible() -> None:
    dark, light = np.full((*SIZE, 3), 50, np.uint8), np.full((*SIZE, 3), 57, np.uint8)
    assert warping_error(dark, light, still()) == 7
    light[SIZE[0] // 2 :] = 255
    assert warping_error(dark, light, still(0.5)) == 7
    assert warping_error(dark, light, still(0.1)) is None


def test_pictures_that_move_along_the_flow_have_no_error() -> None:
    assert warping_error(frame(0), frame(1), known_motion()) == 0
    unmoved = warping_error(frame(0), frame(1), still())
    assert unmoved is not None
    assert unmoved > 10
    assert (warped_back(frame(1), known_motion().flow)[:-2, :-3] == frame(0)[:-2, :-3]).all()


def test_the_flow_of_a_moved_picture_is_found() -> None:
    motion = FlowEstimator()(frame(0), frame(1))
    inner = motion.flow[16:-16, 16:-16]
    assert abs(inner - MOVED).mean() < 0.2
    assert motion.visible[16:-16, 16:-16].mean() > 0.95
    assert not motion.visible[:, -1].any()  # has left the picture


def test_flicker_is_what_is_added_to_the_clip() -> None:
    """A network that makes every other frame lighter by 9 levels flickers by 9."""
    count = 0

    def flickering(picture: Pixels) -> Pixels:
        nonlocal count
        count += 1
        return picture + np.uint8(9 * (count % 2))

    calm = (texture() // 2 + 40).astype(np.uint8)
    frames = [frame(index, calm) for index in range(6)]
    found = clip_steadiness("moving", painted(frames, {"flickering": flickering, "left": lambda p: p}))
    assert [len(errors) for errors in found.errors.values()] == [5, 5, 5]
    assert found.errors["left"] == found.errors[ITSELF]
    assert mean(found, ITSELF) < 1.5
    assert mean(found, "flickering") == pytest.approx(9, abs=1.5)


def test_cuts_have_no_error() -> None:
    frames = [frame(0), frame(1), frame(0, texture(7)), frame(1, texture(7))]
    found = clip_steadiness("cut", painted(frames, {}))
    first, cut, last = found.errors[ITSELF]
    assert cut is None
    assert first is not None
    assert mean(found, ITSELF) == pytest.approx((first + (last or 0)) / 2)


def test_a_still_picture_flickers_by_its_noise() -> None:
    """Two normal values of deviation 3 differ by 3 * 2 / sqrt(pi) on average."""
    grey = np.full((64, 64, 3), 128, np.uint8)
    found = still_steadiness("grey", grey, {"half": lambda picture: picture // 2})
    assert mean(found, ITSELF) == pytest.approx(6 / np.sqrt(np.pi), abs=0.05)
    assert mean(found, "half") == pytest.approx(3 / np.sqrt(np.pi), abs=0.1)
    assert found.kind == "still"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    folder = tmp_path / "scene"
    folder.mkdir()
    motion = known_motion()
    write_flow(folder / "flow_0002_to_0003.flo", motion.flow)
    Image.fromarray(frame(0)).save(folder / "frame_0002.png")
    Image.fromarray(frame(1)).save(folder / "frame_0003.png")
    Image.fromarray((255 * ~motion.visible).astype(np.uint8)).save(folder / "invalid_0002.png")
    Image.new("L", (SIZE[1], SIZE[0])).save(folder / "occlusions_0002.png")
    return folder


def test_a_scene_is_measured_along_its_true_motion(scene: Path) -> None:
    found = scene_steadiness("scene", read_scene(scene), {"half": lambda picture: picture // 2})
    assert (found.errors, found.kind) == ({"half": [0.0], ITSELF: [0.0]}, "truth")
    assert (read_flow(scene / "flow_0002_to_0003.flo") == known_motion().flow).all()


def test_damaged_scenes_are_explained(scene: Path) -> None:
    flow = scene / "flow_0002_to_0003.flo"
    content = flow.read_bytes()
    flow.write_bytes(content[:-5])
    with pytest.raises(ValueError, match=r"flow_0002_to_0003\.flo' is damaged"):
        read_scene(scene)
    flow.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"is not a flow file"):
        read_scene(scene)
    write_flow(flow, np.zeros((5, 5, 2)))
    with pytest.raises(ValueError, match="are of different sizes"):
        read_scene(scene)
    flow.unlink()
    with pytest.raises(ValueError, match=r"has 0 files flow_0002_to_0003\.flo; expected one"):
        read_scene(scene)


def test_painted_files_belong_to_clips(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are 1 painted files for 2 clips"):
        Videos([tmp_path / "a", tmp_path / "b"], [tmp_path / "c"])
    with pytest.raises(ValueError, match="is a folder, whose frames are painted now"):
        Videos([tmp_path], [tmp_path / "c"])


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    save_style(
        path, TransformerNetwork(width=4, residual_blocks=0), StyleHeader(style_name="small", style_sha256="")
    )
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", Making([frame(index) for index in range(5)]))


def test_frames_that_follow_one_another_are_shown_below_each_other(tmp_path: Path) -> None:
    """A row for the clip and one for its painting: a whole frame, the middles of four, their difference."""

    def rough(picture: Pixels) -> Pixels:
        return picture // 2 + np.uint8(90) * (np.arange(SIZE[1]) // 16 % 2)[None, :, None].astype(np.uint8)

    found = clip_steadiness("moving", painted((frame(index) for index in range(7)), {"rough": rough}))
    assert [len(views) for views in found.shown] == [2, 2, 2, 2]
    assert (found.shown[-1][ITSELF] == frame(6)).all()
    sheet = strips([found])
    cell = round(120 * SIZE[1] / SIZE[0])
    assert sheet.shape[0] > 2 * (120 + 22)
    assert sheet.shape[1] >= 6 + 6 * (cell + 6)
    last = slice(6 + 5 * (cell + 6), 6 * (cell + 6))
    itself, painting = sheet[22:142, last], sheet[164:284, last]
    assert itself.mean() < 12
    assert painting.mean() > itself.mean() + 20


def test_the_command_prints_and_writes_how_steady_clips_are(
    run: Run, style_file: Path, clip: Path, scene: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    code, out, _ = run("evaluate", style_file, "--video", clip, scene, "-o", output)
    assert code == 0
    assert "warping error, levels of 255" in out
    assert re.search(r"clip +along the clip's optical flow +5 ", out)
    assert re.search(r"scene +along the true motion +2 ", out)
    assert re.search(r"clip +first frame, still, with noise", out)
    report = json.loads((output / "video.json").read_text())
    assert [entry["measured"] for entry in report] == ["flow", "truth", "still"]
    assert len(report[0]["over_time"]["small"]) == 4
    assert 0 < report[0]["warping_error"][ITSELF] < report[0]["warping_error"]["small"]
    with Image.open(output / "video.png") as picture:
        assert picture.size[0] == 800
    with Image.open(output / "video-strips.jpg") as picture:
        assert picture.height > 4 * (120 + 22)
    assert {path.name for path in output.iterdir()} == {"video.json", "video.png", "video-strips.jpg"}

    code, _, err = run("evaluate", style_file, "--video", clip, "-o", output)
    assert code == 2
    assert "holds a report already: --overwrite replaces it" in err


def test_a_clip_that_was_painted_before_is_measured(
    run: Run, style_file: Path, clip: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    code, *_ = run(
        "evaluate",
        style_file,
        "--video",
        clip,
        "--painted",
        clip,
        "--frames",
        3,
        "--height",
        48,
        "-o",
        output,
    )
    assert code == 0
    (entry,) = json.loads((output / "video.json").read_text())
    assert len(entry["over_time"]["painted"]) == 2
    assert entry["over_time"]["painted"] == entry["over_time"][ITSELF]


def test_another_style_is_measured_beside_it_and_the_figures_kept_in_the_style_file(
    run: Run, style_file: Path, clip: Path, scene: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    torch.manual_seed(1)
    header = StyleHeader(style_name="other", style_sha256="")
    save_style(other / "plain.safetensors", TransformerNetwork(width=4, residual_blocks=0), header)
    weights = load_style(style_file).network.state_dict()
    code, out, _ = run(
        "evaluate", style_file, "--video", clip, scene, "--beside", other / "plain.safetensors", "--record"
    )
    assert code == 0
    assert re.search("frames +small +plain +the clip itself", out)
    quality = load_style(style_file).header.quality
    assert quality.keys() == {
        *("clip.warping_error", "clip.untouched_warping_error"),
        *("scene.warping_error", "scene.untouched_warping_error"),
        *("clip.flicker", "clip.untouched_flicker"),
    }
    assert quality["scene.untouched_warping_error"] == 0 < quality["scene.warping_error"]
    assert f"{quality['clip.warping_error']:.2f}" in out
    assert all((load_style(style_file).network.state_dict()[key] == weights[key]).all() for key in weights)
    code, out, _ = run("info", style_file)
    assert re.search(rf"quality\.clip\.flicker +{quality['clip.flicker']:.6g}", out)

    (other / "plain.safetensors").rename(other / "small.safetensors")
    same_name, report = other / "small.safetensors", tmp_path / "report"
    code, *_ = run("evaluate", style_file, "--video", scene, "--beside", same_name, "-o", report)
    assert code == 0
    (entry,) = json.loads((report / "video.json").read_text())
    assert set(entry["warping_error"]) == {str(style_file), str(same_name), ITSELF}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing is to be measured; give photographs with --content, clips with --video"),
        (["--video", "none.mp4"], "clip 'none.mp4' does not exist"),
        (["--video", "STYLE"], "cannot be read: it is no video"),
        (["--video", "CLIP", "--painted", "none.mp4"], "clip 'none.mp4' does not exist"),
        (
            ["--video", "CLIP", "--painted", "CLIP", "--record"],
            "--record and --beside are for clips that are",
        ),
        (["--content", "CLIP", "--beside", "STYLE"], "give --video, and no --painted"),
        (["--video", "CLIP", "--beside", "none.safetensors"], "'none.safetensors' does not exist"),
        (
            ["--video", "CLIP", "--preset", "gatys", "--against", "optimizer", "--style", "none.jpg"],
            "there are no photographs for --style and --preset and --against: give them with --content",
        ),
        (["--video", "CLIP", "--loss-weights", "a.pth"], "there are no photographs for --loss-weights: give"),
        (["--video", "CLIP", "--evaluations", "9"], "there are no photographs for --evaluations: give"),
        (["--video", "CLIP", "--background", "black"], "there are no photographs for --background: give"),
    ],
)
def test_mistakes(run: Run, style_file: Path, clip: Path, arguments: list[str], message: str) -> None:
    names = {"STYLE": style_file, "CLIP": clip}
    code, _, err = run("evaluate", style_file, *(names.get(word, word) for word in arguments))
    assert code == 2
    assert message in err


def test_what_photographs_lack_is_said_before_clips_are_measured(
    run: Run, style_file: Path, clip: Path, photographs: Path
) -> None:
    arguments = ["evaluate", style_file, "--video", clip, "--content", photographs / "00.jpg"]
    for more, message in (
        ([], "does not say what it was trained with: give --preset"),
        (["--preset", "lengstrom"], "is needed: give it with --style PICTURE"),
        (["--preset", "gatys", "--style", photographs / "01.jpg", "--loss-weights", "no.pth"], "no.pth"),
    ):
        code, out, err = run(*arguments, *more)
        assert code == 2
        assert message in err
        assert "warping error" not in out


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "unmoved", "moved"), [("alley_1", 0.0278, 0.0041), ("cave_2", 0.0414, 0.0076)]
)
def test_the_scenes_of_sintel(shared: Path, name: str, unmoved: float, moved: float) -> None:
    """Against a float64 version of bilinear sampling, and the unmoved difference that is known."""
    scene = read_scene(shared / "data" / "video-dev" / f"sintel-{name}")
    before, after, motion = scene.before.astype(float), scene.after.astype(float), scene.motion
    assert abs(after - before).mean() / 255 == pytest.approx(unmoved, abs=5e-5)
    (height, width), flow = motion.visible.shape, motion.flow.astype(float)
    x = (np.arange(width) + flow[..., 0]).clip(0, width - 1)
    y = (np.arange(height)[:, None] + flow[..., 1]).clip(0, height - 1)
    left, top = x.astype(int).clip(0, width - 2), y.astype(int).clip(0, height - 2)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    upper = after[top, left] * (1 - right_share) + after[top, left + 1] * right_share
    lower = after[top + 1, left] * (1 - right_share) + after[top + 1, left + 1] * right_share
    expected = abs(upper * (1 - lower_share) + lower * lower_share - before)[motion.visible].mean()
    error = warping_error(scene.before, scene.after, motion)
    assert error == pytest.approx(expected, rel=2e-3)  # OpenCV 4.10 interpolates 0.13 % off
    assert error is not None
    assert error / 255 == pytest.approx(moved, abs=1e-4)
