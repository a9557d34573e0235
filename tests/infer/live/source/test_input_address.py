"""What `--input` may be."""

from pathlib import Path

import pytest
from PIL import Image

from allaprima.infer.live.source.input_address import parse_place, without_password


def test_files_and_streams(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.touch()
    assert parse_place(str(file)).kind == "file"
    place = parse_place("rtsp://me:secret@10.0.0.5/live")
    assert (place.kind, place.address) == ("stream", "rtsp://me:secret@10.0.0.5/live")
    assert place.title == "rtsp://me:...@10.0.0.5/live"
    assert place.options["rtsp_transport"] == "tcp"


def test_animated_webp_is_for_another_command(tmp_path: Path) -> None:
    file = tmp_path / "a.webp"
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(file, save_all=True, append_images=frames[1:])
    with pytest.raises(
        ValueError, match="is animated WebP, which `allaprima video` paints and live does not"
    ):
        parse_place(str(file))


def test_streams_do_not_open_files_of_this_machine(tmp_path: Path) -> None:
    assert "file" not in parse_place("http://example.org/a.m3u8").options["protocol_whitelist"].split(",")
    file = tmp_path / "a.m3u8"
    file.touch()
    assert "http" not in parse_place(str(file)).options["protocol_whitelist"].split(",")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("none.mp4", "input 'none.mp4' does not exist; expected a video file, camera:0 or a URL"),
        (".", "input '.' is a folder"),
        ("ftp://host/a.mp4", "is a URL of an unknown kind; expected rtsp://"),
        ("http://", "is a URL of an unknown kind"),
        ("http://[::1/", "is a URL of an unknown kind"),
        ("file:///etc/passwd", "is a URL of an unknown kind"),
        ("camera:97", "camera:97 does not exist, there is no '/dev/video97'; cameras here: "),
    ],
)
def test_what_is_none_is_explained(text: str, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message.replace("(", r"\(")):
        parse_place(text)


def test_passwords_are_not_shown() -> None:
    assert without_password("rtmp://host/live/key") == "rtmp://host/live/key"
    assert without_password("http://a:b@host:80/x:y@z") == "http://a:...@host:80/x:y@z"
