"""The command `live`, from sources to outputs, in this process and as a program of its own."""

import http.client
import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from allaprima.infer.live.adaptive_size import AdaptiveSize
from allaprima.infer.live.painter import Painter
from allaprima.infer.live.ready_styles import ReadyStyle, style_names
from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.metrics import Metrics
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame
from allaprima.infer.live.source.capture import Capture
from allaprima.infer.live.source.input_address import parse_place
from tests.conftest import Run
from tests.images.video.conftest import Making, make_clip, picture, read_frames
from tests.infer.live.conftest import MjpegSource, as_jpeg, start_live, until

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")

Pictures = NDArray[np.uint8]


def darker(images: Pictures) -> Pictures:
    return images // 2


def inverted(images: Pictures) -> Pictures:
    return 255 - images


class Running:
    """A painter with engines of this file, and what it showed."""

    def __init__(
        self,
        address: object,
        engines: dict[str, Callable[[Pictures], Pictures]],
        *,
        strength: float = 1,
        size: AdaptiveSize | None = None,
        steady: float = 0,
    ) -> None:
        self.capture = Capture(parse_place(str(address)), loop=True)
        self.controls = Controls(list(engines), strength)
        self.size = size or AdaptiveSize(self.capture.size, None)
        styles = [ReadyStyle(name, engine) for name, engine in engines.items()]
        self.shown: list[PaintedFrame] = []
        self.metrics = Metrics()
        self.painter = Painter(
            self.capture, styles, self.controls, self.size, self.metrics, self.shown.append, steady=steady
        )
        self.capture.start()
        self.painter.start()

    def next(self) -> Pictures:
        """Return a picture that is begun after now."""
        count = len(self.shown)
        until(lambda: len(self.shown) >= count + 2)
        return self.shown[-1].picture

    def stop(self) -> None:
        self.painter.stop()
        self.capture.stop()
        assert self.painter.error is None


def near(found: Pictures, expected: Pictures) -> bool:
    return bool(abs(found.astype(int) - expected).mean() < 4)


def test_styles_and_strength_change_from_one_frame_to_the_next(camera: MjpegSource) -> None:
    running = Running(camera.url, {"dark": darker, "inverted": inverted})
    assert near(running.next(), darker(picture(0)))
    running.controls.choose("inverted")
    assert near(running.next(), inverted(picture(0)))
    running.controls.set_strength(0.5)
    assert near(running.next(), np.full_like(picture(0), 128))
    running.controls.set_strength(0)
    assert near(running.next(), picture(0))
    running.stop()


def test_a_style_does_not_shine_through_the_next_one(camera: MjpegSource) -> None:
    running = Running(camera.url, {"dark": darker, "inverted": inverted}, steady=0.9)
    running.next()
    running.controls.choose("inverted")
    assert near(running.next(), inverted(picture(0)))
    running.stop()


def test_frames_that_come_while_one_is_painted_are_dropped(camera: MjpegSource) -> None:
    camera.rate = 100
    pause = threading.Event()

    def slow(images: Pictures) -> Pictures:
        pause.wait(0.2)
        return images

    running = Running(camera.url, {"slow": slow})
    until(lambda: running.metrics.painted >= 5)
    running.stop()
    assert running.capture.newest.dropped > running.metrics.painted
    for shown in running.shown:
        assert shown.picture.shape == (48, 64, 3)


def test_the_picture_is_painted_smaller_until_the_rate_is_held_and_keeps_its_size(
    camera: MjpegSource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "allaprima")
    camera.jpegs = [as_jpeg(picture(0, 240, 320))]
    pause = threading.Event()
    areas: list[int] = []

    def slow(images: Pictures) -> Pictures:
        areas.append(images.shape[1] * images.shape[2])
        pause.wait(images.shape[1] * images.shape[2] / 400_000)
        return images

    running = Running(camera.url, {"slow": slow}, size=AdaptiveSize((240, 320), 10))
    until(lambda: areas and areas[-1] < 40_000)
    shown = running.next()
    running.stop()
    assert shown.shape == (240, 320, 3)
    assert abs(shown.astype(int) - picture(0, 240, 320)).mean() < 8
    height, width = running.size.size
    assert "painting at " in caplog.text
    assert f"{width}x{height} from now on" in caplog.text


def test_while_the_source_is_lost_the_last_picture_stays(camera: MjpegSource) -> None:
    running = Running(camera.url, {"dark": darker})
    running.next()
    camera.failing.set()
    until(lambda: any(shown.still for shown in running.shown))
    assert near(running.shown[-1].picture, darker(picture(0)))
    painted = running.metrics.painted
    camera.failing.clear()
    until(lambda: running.metrics.painted > painted)
    running.stop()
    assert running.capture.times_lost == 1


def test_pictures_that_change_their_size_are_shown_at_the_first(
    camera: MjpegSource, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running(camera.url, {"dark": darker})
    running.next()
    camera.jpegs = [as_jpeg(picture(0, 96, 128))]
    until(lambda: "change from 64x48 to 128x96; they are scaled to the first size" in caplog.text)
    assert running.next().shape == (48, 64, 3)
    running.stop()


def test_what_ends_the_painter_is_kept(camera: MjpegSource) -> None:
    def broken(images: Pictures) -> Pictures:
        raise MemoryError("no room")

    running = Running(camera.url, {"broken": broken})
    until(running.painter.ended.is_set)
    assert isinstance(running.painter.error, MemoryError)
    running.capture.stop()


def test_styles_have_names_of_their_own() -> None:
    assert style_names([Path("a/night.onnx"), Path("waves")]) == ["night", "waves"]
    assert style_names([Path("a/night.onnx"), Path("b/night.xml")]) == ["a/night.onnx", "b/night.xml"]
    with pytest.raises(ValueError, match="style 'a' is given twice"):
        style_names([Path("a"), Path("b"), Path("a")])


def test_a_file_becomes_a_file(run: Run, small_style: Path, short_clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.mkv"
    code, out, err = run("live", small_style, "--input", short_clip, "-o", target)
    assert code == 0, err
    found = re.search(
        r"(\d+) frames painted.*\n(\d+) frames dropped because a newer one came, 0 damaged", out
    )
    assert found is not None
    assert int(found[1]) + int(found[2]) == 25
    assert re.search(r"from arrival to display: \d+ ms in the median, \d+ ms at the 95th percentile", out)
    times, pictures = read_frames(target)
    assert len(times) <= int(found[1])
    assert 0.5 < float(times[-1]) < 1.5
    assert abs(pictures[0].astype(int) - picture(0)).mean() > 10

    code, _, err = run("live", small_style, "--input", short_clip, "-o", target)
    assert code == 2
    assert "is there already; --overwrite replaces it" in err


@pytest.mark.parametrize(("rotation", "expected"), [(0, Fraction(16, 11)), (90, Fraction(11, 16))])
def test_pixels_that_are_no_squares_stay_so(
    run: Run, small_style: Path, tmp_path: Path, rotation: int, expected: Fraction
) -> None:
    clip = make_clip(tmp_path / "a.mp4", Making(aspect=Fraction(16, 11), rotation=rotation))
    assert run("live", small_style, "--input", clip, "-o", tmp_path / "b.mp4")[0] == 0
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "CLIP", "-o", "b.mp4"], "no style is given"),
        (["none.style", "--input", "CLIP", "-o", "b.mp4"], "style file 'none.style' does not exist"),
        (["CLIP", "--input", "CLIP", "-o", "b.mp4"], "is not a style file"),
        (["STYLE", "STYLE", "--input", "CLIP", "-o", "b.mp4"], "is given twice"),
        (["STYLE", "--input", "none.mp4", "-o", "b.mp4"], "input 'none.mp4' does not exist"),
        (["STYLE", "--input", "camera:97", "-o", "b.mp4"], "camera:97 does not exist"),
        (["STYLE", "--input", "CLIP", "-o", "b.avi"], "'b.avi' is of an unknown kind"),
        (["STYLE", "--input", "CLIP", "-o", "none/b.mp4"], "there is no folder 'none'"),
        (["STYLE", "--input", "CLIP", "-o", "b.mp4", "-o", "./b.mp4"], "'b.mp4' cannot be written to: it is"),
        (
            ["STYLE", "--input", "CLIP", "-o", "b.mp4", "-o", "b.part.mp4", "--overwrite"],
            "'b.part.mp4' cannot be written to: it is written to already; give another name",
        ),
        (["STYLE", "--input", "CLIP", "-o", "mjpeg://x"], "is no address to listen at"),
        (["STYLE", "--input", "CLIP", "-o", "window", "-o", "window"], "--output window is given twice"),
        (["STATIC", "--input", "CLIP", "-o", "b.mp4"], "takes pictures of 32x24 pixels only"),
    ],
)
def test_mistakes_end_with_code_2_and_leave_nothing(
    run: Run,
    small_style: Path,
    static_bytes_onnx_file: Path,
    short_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"STYLE": small_style, "CLIP": short_clip, "STATIC": static_bytes_onnx_file}
    code, out, err = run("live", *(names.get(word, word) for word in arguments))
    assert (code, out) == (2, "")
    assert "error: " in err
    assert message in err
    assert list(tmp_path.iterdir()) == []


def ask(port: int, method: str, path: str, wanted: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, json.dumps(wanted), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    return json.loads(answer.read())


def port_of(program: "subprocess.Popen[str]") -> int:
    """Return where a program listens, which it says before its styles are ready."""
    assert program.stderr is not None
    for line in program.stderr:
        if found := re.fullmatch(r"watch at http://127\.0\.0\.1:(\d+)/\n", line):
            return int(found[1])
    raise AssertionError("it did not say where it listens")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_it_ends_when_it_is_told_to_and_all_is_complete(
    number: signal.Signals,
    code: int,
    static_bytes_onnx_file: Path,
    onnx_file: Path,
    camera: MjpegSource,
    tmp_path: Path,
) -> None:
    camera.jpegs = [as_jpeg(picture(0, 24, 32))]
    target = tmp_path / "b.mp4"
    program = start_live(
        static_bytes_onnx_file, onnx_file, "--input", camera.url, "-o", target, "-o", "mjpeg://127.0.0.1:0"
    )
    port = port_of(program)
    until(lambda: ask(port, "GET", "/status")["painted"] > 10)
    styles = [str(static_bytes_onnx_file), str(onnx_file)]
    status = ask(port, "POST", "/control", {"style": styles[1], "strength": 0.5})
    assert (status["styles"], status["style"], status["strength"]) == (styles, styles[1], 0.5)
    painted = status["painted"]
    until(lambda: ask(port, "GET", "/status")["painted"] > painted + 5)
    program.send_signal(number)
    out, err = program.communicate(timeout=60)
    assert program.returncode == code, err
    assert "Traceback" not in err
    assert "frames painted" in out
    assert len(read_frames(target)[0]) > 10
