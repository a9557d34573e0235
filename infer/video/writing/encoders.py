"""Pictures into packets of a film: sized, converted to YCbCr, tagged and encoded."""

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from av import Packet, VideoStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from allaprima.images.pixels import Pixels
from allaprima.images.video.rgb_to_frame import FrameMaker

from .codecs import Codec, Encoding
from .hardware_encoders import find_hardware
from .thread_priority import priority_kept

_log = logging.getLogger(__name__)

_BT709 = 1  # AVCOL_SPC_BT709
_KEY_FRAME_EVERY = 2
"""Seconds, at most: what is lost of a file when the program is killed, and what those who begin to watch
live pictures wait for. Painted clips become 2 % larger than with x264's 250 frames."""


@dataclass(frozen=True)
class Format:
    """What the pictures of a film have in common.

    Attributes:
        height: Of what is written.
        width: Of what is written.
        rate: Frames per second, on average.
        time_base: Seconds of a unit of time.
        pixel_aspect: Width of a pixel by its height.
    """

    height: int
    width: int
    rate: Fraction
    time_base: Fraction
    pixel_aspect: Fraction = Fraction(1)


class PictureEncoder(Protocol):
    """Encodes pictures, RGB of any size, into packets for a container."""

    def encode(self, picture: Pixels, pts: int, duration: int) -> "list[Packet[Any]]":
        """Return the packets that a picture completes; times are in units of the format's time base."""
        ...

    def flush(self) -> "list[Packet[Any]]":
        """Return what is left at the end."""
        ...


class FilmEncoder:
    """Encodes in BT.709, limited range, tagged so.

    Args:
        container: What the stream is added to.
        codec: With what.
        encoding: How well, and whether by a device.
        format: Size and time.

    Raises:
        ValueError: If the encoder does not take the settings.
    """

    def __init__(self, container: OutputContainer, codec: Codec, encoding: Encoding, format: Format) -> None:
        self._format = format
        device = find_hardware(codec, encoding, format.width, format.height) if encoding.hardware else None
        pixel_format = "nv12" if device else _pixel_format(codec, format)
        self._stream = self._added(container, device.name if device else codec.encoder, pixel_format)
        self._stream.options.update(device.options if device else _options(codec, encoding))
        if encoding.bitrate is not None:
            self._stream.codec_context.bit_rate = encoding.bitrate
        self._frame_of = FrameMaker(format.height, format.width, pixel_format)
        try:
            with priority_kept():
                self._stream.codec_context.open()
        except FFmpegError as error:
            settings = ", ".join(f"{name} {value}" for name, value in self._stream.options.items())
            raise ValueError(
                f"the encoder {self._stream.name} does not take {format.width}x{format.height} with "
                f"{settings}: {error.strerror}"
            ) from error

    def encode(self, picture: Pixels, pts: int, duration: int) -> "list[Packet[Any]]":
        """Return the packets that a picture completes."""
        frame = self._frame_of(picture)
        frame.pts, frame.duration, frame.time_base = pts, duration, self._format.time_base
        return self._stream.encode(frame)

    def flush(self) -> "list[Packet[Any]]":
        """Return what is left at the end."""
        return self._stream.encode(None)

    def _added(self, container: OutputContainer, encoder: str, pixel_format: str) -> VideoStream:
        stream = container.add_stream(encoder, rate=self._format.rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = self._format.width, self._format.height, pixel_format
        context.gop_size = max(1, round(_KEY_FRAME_EVERY * self._format.rate))
        context.sample_aspect_ratio = self._format.pixel_aspect
        context.time_base = stream.time_base = self._format.time_base
        context.flags |= Flags.frame_duration  # a last frame's, and those of a variable rate
        context.colorspace, context.color_range = _BT709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream


def _pixel_format(codec: Codec, format: Format) -> str:
    """Return a format with halved colour, which every player knows, unless the size does not allow it."""
    if codec.odd_sizes or (format.width % 2 == 0 and format.height % 2 == 0):
        return "yuv420p"
    _log.info(
        "%dx%d is odd, which %s keeps only with full colour (4:4:4), unknown to some players; "
        ".webm has no such limit",
        *(format.width, format.height, codec.title),
    )
    return "yuv444p"


def _options(codec: Codec, encoding: Encoding) -> dict[str, str]:
    options = {**codec.options, codec.preset_option: encoding.preset or codec.preset}
    if encoding.preset is None:
        options |= codec.refined
    if encoding.bitrate is None:
        options["crf"] = str(codec.crf if encoding.crf is None else encoding.crf)
    return options
