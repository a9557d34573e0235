"""What `--input` names, and how FFmpeg opens it."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from allaprima.images.video import ClipError
from allaprima.images.video.animated_picture import format_of
from allaprima.images.video.container import ffmpeg_name

_STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https")
# What a stream may lead to; no file of this machine, whatever its playlist says.
_REACHABLE = "http,https,httpproxy,tcp,tls,crypto,rtp,udp,rtsp,rtmp,rtmps"
_LOW_DELAY = {"fflags": "nobuffer", "analyzeduration": "1000000"}


@dataclass(frozen=True)
class Place:
    """Where pictures come from.

    Attributes:
        kind: A camera, a file or a stream.
        title: What messages call it, without passwords.
        address: What FFmpeg opens.
        format: FFmpeg's name of the format, where it cannot find out.
        options: What FFmpeg is told.
    """

    kind: Literal["camera", "file", "stream"]
    title: str
    address: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """Files of this machine that are shown."""
        return [Path(self.address)] if self.kind == "file" else []


def parse_place(text: str) -> Place:
    """Return what `camera:0`, a URL or the name of a file stands for.

    Raises:
        ValueError: If it is none of them, or animated WebP.
        FileNotFoundError: If there is no such file or camera.
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "camera":
        return _camera(rest)
    if "://" in text:
        return _stream(text)
    path = Path(text)
    if path.is_dir():
        raise ClipError(f"input '{text}' is a folder; expected a video file, camera:0 or a URL")
    if not path.exists():
        raise FileNotFoundError(f"input '{text}' does not exist; expected a video file, camera:0 or a URL")
    if path.is_file() and format_of(path) == "WEBP":
        raise ClipError(
            f"input '{text}' is animated WebP, which `allaprima video` paints and live does not read"
        )
    return Place("file", text, ffmpeg_name(path), options={"protocol_whitelist": "file,crypto,data"})


def _stream(text: str) -> Place:
    scheme = text.partition("://")[0]
    if scheme not in _STREAMS or not _has_host(text):
        raise ValueError(
            f"input '{text}' is a URL of an unknown kind; expected rtsp://, rtmp://, http:// or https://"
        )
    options = {**_LOW_DELAY, "protocol_whitelist": _REACHABLE}
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # UDP loses packets, and pictures break
    return Place("stream", without_password(text), text, options=options)


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def without_password(url: str) -> str:
    """Return a URL whose password, if it has one, is left out."""
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:...@", url)


def _camera(name: str) -> Place:
    title = f"camera:{name}"
    if sys.platform == "darwin":
        return Place("camera", title, name, "avfoundation", {"framerate": "30"})
    if sys.platform == "win32":
        return Place("camera", title, f"video={name}", "dshow")
    device = Path(f"/dev/video{name}" if name.isdigit() else name)
    if not device.is_char_device():
        there = sorted(f"camera:{path.name.removeprefix('video')}" for path in Path("/dev").glob("video*"))
        raise FileNotFoundError(
            f"{title} does not exist, there is no '{device}'; cameras here: {', '.join(there) or 'none'}"
        )
    return Place("camera", title, str(device), "v4l2")
