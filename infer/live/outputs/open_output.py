"""What `--output` names, opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from allaprima.infer.live.server.address import parse_address
from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.painted_frame import Displayed
from allaprima.infer.video.writing import Encoding, resolve
from allaprima.infer.video.writing.part_file import PartFile

from .output_thread import Output

Kind = Literal["window", "virtual-camera", "mjpeg", "rtmp", "file"]
_SCHEMES: dict[str, Kind] = {"mjpeg": "mjpeg", "rtmp": "rtmp", "rtmps": "rtmp"}


@dataclass(frozen=True)
class Target:
    """An output that was asked for, and what it is."""

    text: str
    kind: Kind


@dataclass(frozen=True, eq=False)
class Shows:
    """What outputs are told of the pictures.

    Attributes:
        size: Height and width.
        rate: Pictures per second, roughly.
        pixel_aspect: Width of a pixel by its height, which files keep.
        controls: What keys and pages change.
        status: Returns the figures of the moment.
        displayed: Called for each picture that has left an output.
    """

    size: tuple[int, int]
    rate: Fraction
    pixel_aspect: Fraction
    controls: Controls
    status: Callable[[], Mapping[str, Any]]
    displayed: Displayed


def parse_target(text: str) -> Target:
    """Return what `window`, `virtual-camera`, a URL or the name of a file stands for.

    Raises:
        ValueError: If it is none of them.
    """
    if text in ("window", "virtual-camera"):
        return Target(text, "window" if text == "window" else "virtual-camera")
    scheme, separator, _ = text.partition("://")
    if not separator:
        resolve(Encoding(), Path(text))
        return Target(text, "file")
    if scheme not in _SCHEMES:
        raise ValueError(
            f"output '{text}' is a URL of an unknown kind; expected mjpeg://127.0.0.1:8080 or rtmp://"
        )
    if scheme == "mjpeg":
        parse_address(text)
    return Target(text, _SCHEMES[scheme])


def open_output(target: Target, shows: Shows, *, overwrite: bool, inputs: Sequence[Path]) -> Output:
    """Return an output that is ready; its libraries are imported now.

    Args:
        target: What was asked for.
        shows: What it is told of the pictures.
        overwrite: Replace a file that is there already.
        inputs: Files that are shown, and must not be replaced.

    Raises:
        ValueError: If it would replace an input.
        OSError: If it cannot be written, reached or listened at, or there is no screen or driver.
        ModuleNotFoundError: If a library is not installed.
    """
    match target.kind:
        case "window":
            from .window import Window

            return Window(shows.size, shows.controls, shows.displayed)
        case "virtual-camera":
            from .virtual_camera import VirtualCamera

            return VirtualCamera(shows.size, shows.rate, shows.displayed)
        case "mjpeg":
            from allaprima.infer.live.server.mjpeg_server import MjpegServer

            address = parse_address(target.text)
            return MjpegServer(address, shows.controls, shows.status, shows.displayed)
        case "rtmp":
            from .rtmp import RtmpOutput

            return RtmpOutput(target.text, shows.size, shows.rate, shows.displayed)
        case "file":
            from .video_file import VideoFileOutput

            part = PartFile(Path(target.text), overwrite=overwrite, inputs=inputs)
            return VideoFileOutput(part, shows.size, shows.rate, shows.displayed, shows.pixel_aspect)
