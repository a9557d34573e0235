"""What TIFF files hold: raw photographs behind a preview, pixels that Pillow has no mode for."""

import ctypes
from functools import cache
from io import SEEK_SET
from typing import IO, Any

from PIL import Image, TiffImagePlugin, _imaging

RAW_SUFFIXES = (
    *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef"),
    *(".srw", ".3fr", ".iiq", ".erf", ".mef", ".mos", ".rwl", ".x3f"),
)
"""Of cameras; what a raw file is is told by its content."""

_PHOTOMETRIC, _BITS, _SAMPLES, _SAMPLE_FORMAT = 262, 258, 277, 339
_SUBFILE_TYPE, _SUB_PICTURES, _DNG_VERSION, _COMPRESSION = 254, 330, 50706, 259
_PLANES, _APART = 284, 2
_COMPRESSIONS = frozenset(TiffImagePlugin.COMPRESSION_INFO)
_REDUCED = 1
_WHITE_IS_ZERO = 0
_SENSOR = (32803, 34892)  # a mosaic of colours, and linear values of a sensor
_SAMPLE_FORMATS = {1: "whole", 2: "signed", 3: "floating point", 4: "untyped", 5: "complex", 6: "complex"}


def has_raw_signature(prefix: bytes) -> bool:
    """Return whether a file begins as a raw file of Fuji, Olympus, Panasonic, Sigma or Canon does."""
    return (
        prefix.startswith((b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb"))
        or prefix[4:12] == b"ftypcrx "
    )


def is_raw_photograph(image: Image.Image) -> bool:
    """Return whether the first picture of a TIFF file is the preview of a raw photograph, or its mosaic."""
    tags = getattr(image, "tag_v2", {})
    reduced = int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED and _SUB_PICTURES in tags
    return bool(_DNG_VERSION in tags or reduced or tags.get(_PHOTOMETRIC) in _SENSOR)


def is_white_zero(image: Image.Image) -> bool:
    """Return whether values of an image count from white to black; Pillow turns those of 8 bits alone."""
    return getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def is_unsigned(image: Image.Image) -> bool:
    """Return whether the numbers of an image have no sign."""
    formats: Any = getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, (1,))
    return 1 in (formats if isinstance(formats, tuple) else (formats,))


@cache
def silence_libtiff() -> None:
    """Keep Pillow's libtiff from writing to standard error by itself what it cannot decode.

    Pillow raises an error for that, without a switch for libtiff's own line, which names no file. Where
    libtiff's functions cannot be reached, as on Windows, the line stays.
    """
    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_handler(None)


def white_of(image: Image.Image) -> int | None:
    """Return the largest number of a TIFF file's pixels where they have less than 32 bits, or None."""
    (bits, *_) = getattr(image, "tag_v2", {}).get(_BITS, (32,))
    return None if bits >= 32 or image.mode[0] == "F" else 2 ** (bits - (not is_unsigned(image))) - 1


def is_misread(image: Image.Image) -> bool:
    """Return whether Pillow takes a TIFF file for something else: 16 bits in planes of their own for 8, or
    that its libtiff does not decompress it.
    """
    tags = getattr(image, "tag_v2", {})
    (bits, *_) = tags.get(_BITS, (1,))
    in_planes = tags.get(_PLANES, 1) == _APART and tags.get(_SAMPLES, 1) > 1
    return (bits > 8 and in_planes) or not _is_decompressed(tags.get(_COMPRESSION, 1))


def _is_decompressed(compression: int) -> bool:
    """Return whether Pillow's libtiff has a decompressor; that it has where nobody can be asked."""
    try:
        return bool(ctypes.CDLL(_imaging.__file__).TIFFIsCODECConfigured(compression))
    except (OSError, AttributeError):
        return True


def tags_of(file: IO[bytes]) -> Any:
    """Return the tags of the first picture of a TIFF file; damaged ones raise nearly any error."""
    file.seek(0, SEEK_SET)
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    file.seek(tags.next)
    tags.load(file)
    return tags


def is_known_compression(file: IO[bytes]) -> bool:
    """Return whether a TIFF file is compressed in a way that some libtiff decompresses."""
    return tags_of(file).get(_COMPRESSION, 1) in _COMPRESSIONS


def kind_of_tiff(file: IO[bytes]) -> str | None:
    """Return why a file is not read whose pixels Pillow has no mode for, or None if its tags are damaged."""
    try:
        tags = tags_of(file)
        compression = tags.get(_COMPRESSION, 1)
        if compression not in _COMPRESSIONS or not _is_decompressed(compression):
            return f"its TIFF pixels are compressed in a way that is not read ({compression}); LZW is"
        bits, samples = tags.get(_BITS, (1,)), tags.get(_SAMPLES, 1)
        numbers = _SAMPLE_FORMATS[tags.get(_SAMPLE_FORMAT, (1,))[0]]
    except Exception:  # of damaged tags Pillow raises nearly every type
        return None
    return (
        f"its TIFF pixels are of a kind that is not read ({samples} x {bits[0]} bits, {numbers} numbers): "
        "save it as RGB or grey, with 8 or 16 bits a channel"
    )
