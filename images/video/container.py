"""A container opened, and what is said of its pictures."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av import VideoFrame, VideoStream
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from .protocol import ClipError, ClipInfo
from .rotation import Turn

_log = logging.getLogger(__name__)

# How many packets are tried for a first frame: x264's key frames are at most 250 apart.
_FIRST_PACKETS = 500
_USUAL_RATE = Fraction(25)
_PROTOCOL_OPTIONS = {"protocol_whitelist": "file,crypto,data"}  # a playlist must not open the network


def ffmpeg_name(path: Path) -> str:
    """Return a file's name from the root on: FFmpeg takes what comes before a colon for a protocol."""
    return str(path.absolute())


def open_container(path: Path, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a file.

    Raises:
        ClipError: If FFmpeg makes nothing of it.
    """
    try:
        return av.open(
            ffmpeg_name(path),
            "r",
            container_options=_PROTOCOL_OPTIONS,
            metadata_errors="replace",
            hwaccel=hwaccel,
        )
    except (FFmpegError, ValueError) as error:
        raise unreadable(path, error) from error


def open_with_hardware(path: Path) -> InputContainer:
    """Open a file to be decoded by the first device that can, or else by the processor; a line says which."""
    for device in hwdevices_available():
        try:
            container = open_container(path, HWAccel(device, allow_software_fallback=True))
            video = pictures_of(container, path)
            frame = next(container.decode(video))
        except (ClipError, FFmpegError, StopIteration):  # a driver, but no device
            continue
        if video.codec_context.is_hwaccel and frame.format.name:
            container.close()
            _log.info("decoding on %s", device)
            return open_container(path, HWAccel(device, allow_software_fallback=True))
        container.close()
    _log.info("no device here decodes '%s'; the processor does", path)
    return open_container(path)


def pictures_of(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream of pictures that FFmpeg takes for the best.

    Raises:
        ClipError: If there is none; a cover picture is none.
    """
    best = container.streams.best("video")
    if not isinstance(best, VideoStream) or best.disposition & Disposition.attached_pic:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise ClipError(f"clip '{path}' has no video stream; it holds {kinds}")
    return best


def first_frame(path: Path) -> VideoFrame:
    """Return the first frame that can be decoded.

    Raises:
        ClipError: If there is none.
    """
    reason: Exception | str = "it has no frames"
    with open_container(path) as container:
        video = pictures_of(container, path)
        try:
            for count, packet in enumerate(container.demux(video)):
                try:
                    for frame in video.codec_context.decode(packet if packet.size else None):
                        return frame
                except FFmpegError as error:
                    reason = error
                if count >= _FIRST_PACKETS:
                    break
        except FFmpegError as error:
            reason = error
    raise unreadable(path, reason)


def describe(path: Path, container: InputContainer, video: VideoStream, first: VideoFrame) -> ClipInfo:
    """Return what a clip says of itself, upright."""
    turn = Turn.of(first)
    height, width = turn.size(first.height, first.width)
    seconds = None if container.duration is None else container.duration / av.time_base
    assert video.time_base is not None
    return ClipInfo(
        path=path,
        width=width,
        height=height,
        rate=video.average_rate or video.guessed_rate or _USUAL_RATE,
        time_base=video.time_base,
        seconds=seconds,
        frames=video.frames or None,
        pixel_aspect=pixel_aspect(video, turn),
        codec=video.codec_context.name,
    )


def pixel_aspect(video: VideoStream, turn: Turn) -> Fraction:
    """Return the width of an upright picture's pixels by their height."""
    aspect = video.codec_context.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if turn.transposed else aspect


def unreadable(path: Path, reason: Exception | str) -> ClipError:
    """Return the error for a file that FFmpeg cannot read."""
    text = getattr(reason, "strerror", None) or str(reason)
    if isinstance(reason, av.error.InvalidDataError):
        text = "it is no video, or its beginning or end is missing, without which nothing can be read"
    return ClipError(f"clip '{path}' cannot be read: {text.lower()}")
