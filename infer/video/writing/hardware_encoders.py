"""Encoders of graphics cards and processors' video units, where there are any."""

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError

from .codecs import Codec, Encoding

_log = logging.getLogger(__name__)

# Kind of device -> its option for a constant quality, on the scale of the rate factor.
_QUALITY = {"nvenc": "cq", "qsv": "global_quality"}


@dataclass(frozen=True)
class HardwareEncoder:
    """FFmpeg's name of an encoder, and its options."""

    name: str
    options: dict[str, str]


def find_hardware(codec: Codec, encoding: Encoding, width: int, height: int) -> HardwareEncoder | None:
    """Return the first encoder that a device here carries out, or None after a line that says so.

    NVIDIA's and Intel's are known. That a library lists one does not mean that there is a device, so each
    is opened.
    """
    if width % 2 == 0 and height % 2 == 0:
        for kind, quality in _QUALITY.items():
            name = f"{codec.stream}_{kind}"
            crf = codec.crf if encoding.crf is None else encoding.crf
            options = {} if encoding.bitrate is not None else {quality: str(crf)}
            if encoding.preset is not None:
                options["preset"] = encoding.preset
            if _opens(name, options, width, height):
                _log.info("encoding with %s", name)
                return HardwareEncoder(name, options)
    _log.info("no device here encodes %s of %dx%d; the processor does", codec.title, width, height)
    return None


def _opens(name: str, options: dict[str, str], width: int, height: int) -> bool:
    try:
        context: Any = av.CodecContext.create(name, "w")
        context.width, context.height, context.pix_fmt = width, height, "nv12"
        context.framerate, context.time_base = Fraction(25), Fraction(1, 25)
        context.options = options
        context.open()
    except (FFmpegError, UnknownCodecError):
        return False
    return True
