"""Receiving: files at their own pace, network cameras that come and go, damaged frames."""

import logging
import time
from pathlib import Path

import av
import numpy as np
import pytest

from allaprima.images.video import ClipError, Frame, Wanted, open_clip
from allaprima.images.video.frame_to_rgb import RgbReader
from allaprima.infer.live.source.capture import Capture
from allaprima.infer.live.source.input_address import parse_place
from tests.images.video.conftest import Making, make_clip, picture
from tests.infer.live.conftest import MjpegSource, until
from tests.infer.live.rtsp_camera import RtspCamera


def received(capture: Capture) -> list[float]:
    """Return when each frame came, until the last one."""
    times = []
    while (captured := capture.newest.take(60)) is not None:
        times.append(captured.at)
    return times


def test_a_file_plays_at_its_own_pace(short_clip: Path) -> None:
    capture = Capture(parse_place(str(short_clip)))
    assert capture.size == (48, 64)
    assert capture.rate == 25
    capture.start()
    times = received(capture)
    assert len(times) + capture.newest.dropped == 25
    assert times[-1] - times[0] >= 24 / 25 - 0.1
    assert capture.newest.closed
    assert not capture.lost


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1"])
def test_colours_lie_where_they_do_in_files(tmp_path: Path, codec: str) -> None:
    """Half a pixel further they would be tinted where they rise from left to right."""
    options = {"crf": "2", "preset": "12"} if codec == "libsvtav1" else {"lossless": "1", "cpu-used": "8"}
    path = make_clip(tmp_path / "a.mkv", Making([picture(0)], codec=codec, options=options))
    first = next(item for item in open_clip(path).items(Wanted(48, 64)) if isinstance(item, Frame))
    capture = Capture(parse_place(str(path)))
    capture.start()
    captured = capture.newest.take(60)
    assert captured is not None
    assert (capture.reader(48, 64)(captured.frame) == first.picture).all()
    capture.stop()


def test_only_the_newest_frame_waits(short_clip: Path) -> None:
    capture = Capture(parse_place(str(short_clip)))
    capture.start()
    until(lambda: capture.newest.closed)
    assert capture.newest.dropped == 24
    captured = capture.newest.take()
    assert captured is not None
    last = RgbReader(48, 64)(captured.frame)
    assert abs(last.astype(int) - picture(24)).mean() < 4


def test_a_loop_begins_again(short_clip: Path) -> None:
    capture = Capture(parse_place(str(short_clip)), loop=True)
    capture.start()
    until(lambda: capture.newest.dropped > 40)
    capture.stop()
    assert not capture.lost
    assert capture.times_lost == 0


def test_a_network_camera_that_fails_is_found_again(
    camera: MjpegSource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "allaprima")
    capture = Capture(parse_place(camera.url))
    capture.start()
    captured = capture.newest.take(60)
    assert captured is not None
    assert abs(RgbReader(48, 64)(captured.frame).astype(int) - picture(0)).mean() < 4
    assert 0 <= time.perf_counter() - captured.at < 60

    camera.failing.set()
    until(lambda: capture.lost)
    until(lambda: "503" in capture.lost or "server error" in capture.lost)
    capture.newest.take(0)
    camera.failing.clear()
    assert capture.newest.take(60) is not None
    assert until(lambda: not capture.lost)
    capture.stop()
    assert capture.times_lost == 1
    assert camera.served >= 2
    said = [record.getMessage() for record in caplog.records]
    assert any("is lost" in line and "it is tried again" in line for line in said)
    assert f"{camera.url} is back" in said


def test_a_camera_that_speaks_rtsp_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "allaprima")
    with RtspCamera(picture(3)) as camera:
        capture = Capture(parse_place(camera.url))
        assert capture.size == (48, 64)
        capture.start()
        captured = capture.newest.take(60)
        assert captured is not None
        assert abs(RgbReader(48, 64)(captured.frame).astype(int) - picture(3)).mean() < 4

        camera.failing.set()
        until(lambda: capture.lost)
        camera.failing.clear()
        until(lambda: camera.played == 2 and not capture.lost)
        capture.newest.take(0)
        assert capture.newest.take(60) is not None
        capture.stop()
        camera.failing.set()
        camera.shutdown()
    assert capture.times_lost == 1
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "/camera is lost: " in said
    assert "secret" not in said


def test_nothing_there_at_the_beginning_is_an_error() -> None:
    with pytest.raises(ClipError, match="cannot be read: connection refused"):
        Capture(parse_place("http://127.0.0.1:9/video"))


def test_damaged_frames_are_counted(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(options={"crf": "2", "bf": "0", "g": "1"}))
    with av.open(str(source)) as container:
        found = [packet for packet in container.demux(video=0) if packet.size][5]
        assert found.pos is not None
    content = bytearray(source.read_bytes())
    content[found.pos + 5 : found.pos + found.size] = bytes(found.size - 5)
    source.write_bytes(content)
    capture = Capture(parse_place(str(source)))
    capture.start()
    assert len(received(capture)) + capture.newest.dropped == 11
    assert capture.damaged == 1


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("audio_only.mp3", "has no pictures; it holds audio"),
        ("DERIVED_truncated_half.mp4", "cannot be read: it is no video, or its beginning or end is missing"),
        ("DERIVED_text_named.mp4", "cannot be read: it is no video"),
        ("zero_byte.png", "cannot be read: it is no video"),
    ],
)
def test_bad_files_are_explained(shared: Path, name: str, message: str) -> None:
    with pytest.raises(ClipError, match=message):
        Capture(parse_place(str(shared / "data" / "bad-inputs" / name)))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["hevc_10bit.mp4", "multi_stream.mp4"])
def test_odd_files_are_read(shared: Path, name: str) -> None:
    capture = Capture(parse_place(str(shared / "data" / "bad-inputs" / name)))
    capture.start()
    captured = capture.newest.take(60)
    capture.stop()
    assert captured is not None
    assert RgbReader(*capture.size)(captured.frame).dtype == np.uint8
