"""Files, RTMP, virtual cameras: what arrives there, and what is said where it cannot."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import numpy as np
import pytest

from allaprima.images.video import open_clip
from allaprima.infer.live.outputs.open_output import Shows, open_output, parse_target
from allaprima.infer.live.outputs.output_thread import OutputThread
from allaprima.infer.live.outputs.rtmp import RtmpOutput
from allaprima.infer.live.outputs.rtmp_sender import undelayed_encoder
from allaprima.infer.live.outputs.video_file import VideoFileOutput
from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame
from allaprima.infer.video.writing.encoders import Format
from allaprima.infer.video.writing.part_file import PartFile
from tests.conftest import largest_file
from tests.images.video.conftest import picture, read_frames
from tests.infer.live.conftest import until

RATE = Fraction(25)
SQUARE = Fraction(1)


def test_a_file_has_the_pictures_at_the_times_at_which_they_came(tmp_path: Path) -> None:
    displayed: list[PaintedFrame] = []
    part = PartFile(tmp_path / "a.mp4", overwrite=False)
    file = VideoFileOutput(part, (48, 64), RATE, displayed.append, SQUARE)
    for index, at in enumerate((10.0, 10.04, 10.5, 10.5, 11.25)):
        file.show(PaintedFrame(picture(index), at))
    assert not (tmp_path / "a.mp4").exists()
    file.close()
    times, pictures = read_frames(tmp_path / "a.mp4")
    assert [round(1000 * time) for time in times] == [0, 40, 500, 501, 1250]
    for index, found in enumerate(pictures):
        assert abs(found.astype(int) - picture(index)).mean() < 6
    assert len(displayed) == 5


def test_a_file_that_got_no_picture_is_not_left(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "a.mp4", overwrite=False)
    VideoFileOutput(part, (48, 64), RATE, lambda shown: None, SQUARE).close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_begun_is_not_left(tmp_path: Path) -> None:
    shows = Shows((48, 64), RATE, SQUARE, Controls(["a"], 1), dict, lambda shown: None)
    with largest_file(3), pytest.raises(OSError, match=r"cannot write '.*a\.part\.mp4': file too large"):
        open_output(parse_target(str(tmp_path / "a.mp4")), shows, overwrite=False, inputs=[])
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_before_the_disk_was_full_plays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3), np.uint8)
    part = PartFile(tmp_path / "a.mp4", overwrite=False)
    thread = OutputThread(VideoFileOutput(part, (240, 320), RATE, lambda shown: None, SQUARE))
    with largest_file(400_000):
        for count in range(1000):
            thread.show(PaintedFrame(noise[count % 8], count / 25))
            if thread.error:
                break
            time.sleep(0.005)
    thread.close()
    assert isinstance(thread.error, OSError)
    assert f"cannot write '{part.path}': file too large" in str(thread.error)
    assert f"'{part.path}' plays as far as it was written" in caplog.text
    assert not (tmp_path / "a.mp4").exists()
    open_clip(tmp_path / "a.part.mp4").close()


def test_a_slow_output_gets_the_newest(tmp_path: Path) -> None:
    going_on, got = threading.Event(), []

    class Slow:
        def show(self, frame: PaintedFrame) -> None:
            got.append(frame)
            going_on.wait(60)

        def close(self) -> None:
            """Nothing is left to do."""

    thread = OutputThread(Slow())
    given = [PaintedFrame(picture(index), 0.0) for index in range(6)]
    for shown in given:
        thread.show(shown)
        while not got:
            pass
    going_on.set()
    thread.close()
    assert got == [given[0], given[-1]]
    assert thread.dropped == 4


SERVER = """
import sys, av
import numpy as np
url, enough, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with av.open(url, options={"listen": "1"}) as container:
    for count, frame in enumerate(container.decode(video=0), 1):
        if count == enough:
            np.save(target, frame.to_ndarray(format="rgb24"))
            break
"""


def listen(port: int, enough: int, target: Path) -> "subprocess.Popen[bytes]":
    """Be an RTMP server until so many frames came, and keep the last."""
    url = f"rtmp://127.0.0.1:{port}/live/key"
    return subprocess.Popen([sys.executable, "-c", SERVER, url, str(enough), str(target)])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connected(port: int, displayed: Any) -> RtmpOutput:
    """Connect as soon as somebody listens."""
    end = perf_counter() + 60
    while True:
        try:
            return RtmpOutput(f"rtmp://127.0.0.1:{port}/live/key", (48, 64), RATE, displayed)
        except OSError:
            assert perf_counter() < end


def test_pictures_are_sent_by_rtmp_and_a_lost_server_is_found_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    displayed: list[PaintedFrame] = []
    server = listen(port, 10, tmp_path / "first.npy")
    output = connected(port, displayed.append)

    def show(index: int) -> None:
        output.show(PaintedFrame(picture(index), perf_counter()))
        time.sleep(0.02)

    def sent(index: int, done: Callable[[], bool]) -> bool:
        show(index)
        return done()

    until(lambda: sent(3, lambda: server.poll() is not None))
    until(lambda: sent(3, lambda: "is lost" in caplog.text))
    server = listen(port, 5, tmp_path / "second.npy")
    until(lambda: sent(7, lambda: server.poll() is not None))
    output.close()
    for name, index in (("first.npy", 3), ("second.npy", 7)):
        assert abs(np.load(tmp_path / name).astype(int) - picture(index)).mean() < 8
    assert len(displayed) >= 15
    assert "it is tried again" in caplog.text


def test_no_picture_waits_in_the_encoder(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.flv"), "w") as container:
        encoder = undelayed_encoder(container, Format(48, 64, Fraction(25), Fraction(1, 1000)))
        assert [len(encoder.encode(picture(index), 40 * index, 40)) for index in range(5)] == [1] * 5


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match=r"output 'rtmp://me:\.\.\.@127.0.0.1:9/x' cannot be reached"):
        RtmpOutput("rtmp://me:secret@127.0.0.1:9/x", (48, 64), RATE, lambda shown: None)


@pytest.mark.skipif(any(Path("/sys/class/video4linux").glob("*")), reason="there is a video device")
def test_without_a_driver_the_virtual_camera_says_what_to_install() -> None:
    pytest.importorskip("pyvirtualcam")
    from allaprima.infer.live.outputs.virtual_camera import VirtualCamera

    with pytest.raises(OSError, match="apt install v4l2loopback-dkms && sudo modprobe v4l2loopback"):
        VirtualCamera((48, 64), RATE, lambda shown: None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.avi", "'a.avi' is of an unknown kind; expected the name of a file"),
        ("srt://host:1", "is a URL of an unknown kind; expected mjpeg://127.0.0.1:8080 or rtmp://"),
        ("mjpeg://127.0.0.1", "is no address to listen at"),
        ("windows", "is of an unknown kind"),
    ],
)
def test_what_is_no_output_is_explained(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_target(text)


def test_outputs_by_name() -> None:
    names = ("window", "virtual-camera", "mjpeg://:80", "rtmp://host/x", "a.mkv")
    kinds = [parse_target(name).kind for name in names]
    assert kinds == ["window", "virtual-camera", "mjpeg", "rtmp", "file"]
    assert os.sep not in names[0]
