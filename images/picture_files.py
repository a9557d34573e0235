"""What a picture is: decoded to upright 8-bit sRGB with alpha apart, and encoded by suffix."""

import errno
import io
import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from allaprima.atomic import write_whole

from .background import WHITE, levels_of
from .colour import alpha_channel, to_srgb
from .jpeg_2000 import has_deep_colours
from .tiff_kinds import (
    RAW_SUFFIXES,
    has_raw_signature,
    is_misread,
    is_raw_photograph,
    kind_of_tiff,
    silence_libtiff,
)

_log = logging.getLogger(__name__)

# Pillow's own default limit: above it each read has to lift that limit for the whole process.
DEFAULT_MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3
DEFAULT_QUALITY = 95

# A closed list: Pillow's loose formats take text for pictures, and EPS would start Ghostscript.
_READABLE_FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PPM", "QOI"),
    *("ICO", "ICNS", "PSD", "DDS", "SGI", "DIB"),
)
_READ_AS = {"MPO": "JPEG"}
"""Formats that come with another one's suffixes, and are read by its decoder."""
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # other formats have pages, previews and smaller versions
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_lifting_pillow_limit = threading.Lock()


class PictureError(ValueError):
    """A file or byte string is not a picture that can be read; the message says why."""


class TooManyPixelsError(PictureError):
    """A picture has more pixels than the reader allows; the message names both numbers."""


_TOO_MANY = (TooManyPixelsError, Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Encoder:
    """How Pillow writes a format, and what the format cannot do."""

    format: str
    largest_side: int
    keeps_alpha: bool = True
    lossy: bool = True
    options: dict[str, Any] = field(default_factory=dict)


_JPEG = Encoder("JPEG", 65_500, keeps_alpha=False, options={"subsampling": "4:4:4"})
_TIFF = Encoder("TIFF", 2**31 - 1, lossy=False, options={"compression": "tiff_lzw"})
_ENCODERS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": Encoder("PNG", 2**31 - 1, lossy=False),
    ".webp": Encoder("WEBP", 16_383, options={"exact": True}),
    ".avif": Encoder("AVIF", 65_536, options={"subsampling": "4:4:4"}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}
WRITABLE_SUFFIXES = tuple(_ENCODERS)


@cache
def picture_suffixes() -> frozenset[str]:
    """Return the suffixes of pictures that can be read: those that Pillow knows for its formats, and others.

    Raw photographs are among them where something reads them: beside many lies a JPEG of the camera.
    """
    formats = {*_READABLE_FORMATS, *_READ_AS}
    known = (suffix for suffix, format in Image.registered_extensions().items() if format in formats)
    raw = RAW_SUFFIXES if find_spec("rawpy") else ()
    return frozenset({*known, ".heic", ".heif", *raw})


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in memory.

    Attributes:
        rgb: sRGB, `(H, W, 3)`, uint8, contiguous, not premultiplied by alpha.
        alpha: Opacity, `(H, W)`, uint8, or None where the picture has no transparency.
        animated: Whether it is only the first frame of its file.
        background: What is behind it where a format has no transparency, from `background_colour`.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    animated: bool = False
    background: str = WHITE

    def __post_init__(self) -> None:
        """Check the contract above."""
        size = self.rgb.shape[:2]
        for name, array, shape in (("rgb", self.rgb, (*size, 3)), ("alpha", self.alpha, size)):
            if array is not None and (array.shape != shape or array.dtype != np.uint8):
                raise ValueError(f"{name} is {array.dtype} {array.shape}; expected uint8 {shape}")
        object.__setattr__(self, "rgb", np.ascontiguousarray(self.rgb))

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.rgb.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.rgb.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    @classmethod
    def from_image(cls, image: Image.Image, *, name: str = "picture") -> "Picture":
        """Convert any Pillow image: its first frame, upright, in sRGB, scaled to 8 bits.

        Args:
            image: An image of any mode.
            name: What log messages call it.
        """
        image.load()
        alpha = alpha_channel(image)
        colour = to_srgb(image, name=name)
        turn = _UPRIGHT.get(orientation_of(image))
        if turn is not None:
            colour = colour.transpose(turn)
            alpha = alpha.transpose(turn) if alpha else None
        return cls(np.array(colour), np.array(alpha) if alpha else None)

    @property
    def is_transparent(self) -> bool:
        """Whether something behind it can be seen through it."""
        return self.alpha is not None and bool(self.alpha.min(initial=255) < 255)

    def filled(self, background: str) -> "Picture":
        """Return the picture with a colour behind it, and where nothing can be seen of it: hidden pixels go.

        Args:
            background: From `background_colour`.
        """
        hidden = None if self.alpha is None else self.alpha == 0
        if hidden is None or not hidden.any():
            return replace(self, background=background)
        colour = np.array(levels_of(background), np.uint8)
        return replace(self, rgb=np.where(hidden[..., None], colour, self.rgb), background=background)

    def on(self, background: str) -> "Picture":
        """Return the picture as it looks on paper of a colour, without transparency.

        Args:
            background: From `background_colour`.
        """
        if self.alpha is None:
            return self
        paper = Image.new("RGBA", (self.width, self.height), background)
        return Picture(np.array(Image.alpha_composite(paper, self.to_image()).convert("RGB")))

    def to_image(self) -> Image.Image:
        """Return a Pillow image, RGBA where there is alpha and RGB elsewhere."""
        image = Image.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        return image


def read_picture(
    source: Path | bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS, min_side: int | None = None
) -> Picture:
    """Read a picture, whatever its format, bit depth, colour space and orientation.

    EXIF orientation is applied, embedded colour profiles are converted to sRGB, animations give
    their first frame. Safe to call from several threads.

    Args:
        source: A file, or its contents.
        max_pixels: Refuse larger pictures before decoding them. Above `DEFAULT_MAX_PIXELS` the
            reads run one at a time, since each has to lift Pillow's process-wide limit.
        min_side: A JPEG may be decoded at a half, quarter or eighth of its size, which is several
            times faster, as long as its shorter side keeps this many pixels.

    Raises:
        TooManyPixelsError: If it has more than `max_pixels`.
        PictureError: If the picture cannot be read; the message names it and says why.
    """
    name = "" if isinstance(source, bytes) else f" '{source}'"
    try:
        with pillow_limit(max_pixels), opened(source) as file:
            image = identify(file)
            if image.width * image.height > max_pixels:
                size = f"{image.width}x{image.height}"
                raise TooManyPixelsError(f"it has {size} pixels, more than the limit of {max_pixels}")
            if min_side is not None:
                image.draft(None, (min_side, min_side))
            picture = Picture.from_image(image, name=f"picture{name}")
            return replace(picture, animated=is_animated(image))
    except MemoryError:
        raise
    except Exception as error:  # decoders of damaged data raise nearly every type
        kind = TooManyPixelsError if isinstance(error, _TOO_MANY) else PictureError
        raise kind(f"picture{name} cannot be read: {reason_of(error, max_pixels)}") from error


def is_animated(image: Image.Image) -> bool:
    """Return whether an opened file is an animation, and not only of several pages."""
    return image.format in _ANIMATED and bool(getattr(image, "is_animated", False))


def write_picture(picture: Picture, path: Path, *, quality: int = DEFAULT_QUALITY) -> None:
    """Write a picture in the format that the suffix of `path` names, all of it or nothing.

    Args:
        picture: What to write. Where the format has no transparency it is put on its background.
        path: The file, replaced if it exists.
        quality: 1 to 100, for JPEG (without chroma subsampling), WebP and AVIF.

    Raises:
        ValueError: If the suffix is not one of `WRITABLE_SUFFIXES` or the format is too small for
            the picture.
        OSError: If the file cannot be written.
    """
    write_whole(path, encode_picture(picture, path, quality=quality))


def encode_picture(picture: Picture, name: Path, *, quality: int = DEFAULT_QUALITY) -> bytes:
    """Return a picture in the format that the suffix of a name stands for.

    Args:
        picture: As for `write_picture`.
        name: What messages call it, too.
        quality: As for `write_picture`.

    Raises:
        ValueError: As `write_picture`.
    """
    encoder = encoder_for(name, picture.height, picture.width)
    image = (picture if encoder.keeps_alpha else picture.on(picture.background)).to_image()
    lossy = {"quality": quality} if encoder.lossy else {}
    encoded = io.BytesIO()
    image.save(encoded, format=encoder.format, **lossy, **encoder.options)
    return encoded.getvalue()


def is_same_format(suffix: str, other: str) -> bool:
    """Return whether two of `WRITABLE_SUFFIXES` stand for one format, as .jpg and .jpeg do."""
    return _ENCODERS[suffix].format == _ENCODERS[other].format


def suffix_of(content: bytes) -> str:
    """Return a suffix of the format that a picture is in, or nothing where it cannot be written.

    Raises:
        PictureError: As `identify`.
    """
    format = identify(io.BytesIO(content)).format
    return next((suffix for suffix, encoder in _ENCODERS.items() if encoder.format == format), "")


def encoder_for(path: Path, height: int, width: int) -> Encoder:
    """Return how a file is encoded, by its suffix, or raise ValueError where that cannot hold the picture."""
    encoder = _ENCODERS.get(path.suffix.lower())
    if encoder is None:
        raise ValueError(f"cannot write '{path}': suffix must be one of {', '.join(WRITABLE_SUFFIXES)}")
    if max(width, height) > encoder.largest_side:
        raise ValueError(
            f"cannot write '{path}': {width}x{height} pixels, and {encoder.format} ends at "
            f"{encoder.largest_side} a side; write .png or .tif"
        )
    return encoder


def opened(source: Path | bytes) -> IO[bytes]:
    """Return a file, or its contents, to read from.

    Raises:
        PictureError: If it is a pipe or a device, which would have to be waited for.
        OSError: If it cannot be opened.
    """
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if not S_ISREG(source.stat().st_mode) and not source.is_dir():
        raise PictureError("it is a pipe or a device, not a file (- stands for standard input)")
    return source.open("rb")


@contextmanager
def pillow_limit(max_pixels: int) -> Iterator[None]:
    """Let Pillow decode `max_pixels`; its plugins check a module global, also while decoding."""
    if max_pixels <= DEFAULT_MAX_PIXELS:
        yield
        return
    with _lifting_pillow_limit:
        previous = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = previous and max(previous, max_pixels)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = previous


def identify(file: IO[bytes]) -> ImageFile.ImageFile:
    """Do what Image.open does, without its warning (warning filters are not thread-safe).

    Raises:
        PictureError: If it is not a picture in a known format; decoders raise other errors too.
    """
    Image.init()
    prefix = file.read(16)
    if not prefix:
        raise PictureError("the file is empty")
    reason = "it is not a picture, or not in a known format"
    for name in _READABLE_FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        accepted = factory is not None and (accept is None or accept(prefix))
        if isinstance(accepted, str):
            reason = accepted
        elif factory is not None and accepted:
            file.seek(0)
            if name == "TIFF":
                silence_libtiff()
            try:
                image = factory(file, "")
            except (SyntaxError, IndexError, TypeError, struct.error) as error:
                if name == "TIFF" and (kind := kind_of_tiff(file)) and _is_unknown(error):
                    return _open_rare_tiff(file, kind)
                reason = _kind_of_jpeg(name, error) or f"its {name} data is damaged ({error})"
                continue
            if name == "TIFF" and is_raw_photograph(image):
                return open_raw(file)
            if name == "TIFF" and is_misread(image):
                return _open_rare_tiff(file, kind_of_tiff(file) or reason)
            if name == "JPEG2000" and has_deep_colours(image, file):
                raise PictureError(
                    "its JPEG 2000 colours have more than 8 bits, which Pillow reads wrongly: save it with 8 "
                    "bits, or as PNG or TIFF"
                )
            return image
    if has_raw_signature(prefix):
        return open_raw(file)
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS:
        return _identify_heif(file)
    raise PictureError(reason)


def _is_unknown(error: Exception) -> bool:
    return "unknown pixel mode" in str(error) or not isinstance(error, SyntaxError) or str(error).isdecimal()


def _open_rare_tiff(file: IO[bytes], kind: str) -> ImageFile.ImageFile:
    """Return a picture that libvips reads, or raise PictureError with what it is of."""
    from .rare_tiff_files import RareTiffFile

    try:
        return RareTiffFile(file)
    except (SyntaxError, ImportError) as error:
        raise PictureError(kind) from error


def _kind_of_jpeg(format: str, error: Exception) -> str | None:
    """Return why a JPEG is not read that is not damaged but of a rare kind."""
    if format != "JPEG" or not str(error).startswith(("cannot handle", "not identified")):
        return None
    return f"its JPEG is of a kind that is not read ({error}): save it with 8 bits a channel, not lossless"


def open_raw(file: IO[bytes]) -> ImageFile.ImageFile:
    """Return a raw photograph, or raise PictureError with what reads them or how they are converted."""
    try:
        plugin = import_module("allaprima.images.raw_photographs")
    except ImportError:
        raise PictureError(
            "it is a raw photograph; install 'allaprima[raw]' to read those, or export it as TIFF or JPEG"
        ) from None
    file.seek(0)
    return cast(ImageFile.ImageFile, plugin.RawImageFile(file))


def _identify_heif(file: IO[bytes]) -> ImageFile.ImageFile:
    try:
        plugin = import_module("pillow_heif")
    except ImportError:
        raise PictureError("it is a HEIF picture; install 'allaprima[heif]' to read those") from None
    file.seek(0)
    return cast(ImageFile.ImageFile, plugin.HeifImageFile(file))


def reason_of(error: Exception, max_pixels: int | None = None) -> str:
    """Return in words why a picture could not be read."""
    match error:
        case PictureError():
            return str(error)
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return f"it has too many pixels, more than the limit of {max_pixels}"
        case FileNotFoundError():
            return "it does not exist"
        case IsADirectoryError():
            return "it is a folder"
        case OSError(errno=errno.ELOOP):
            return "it is a link that leads back to itself"
        case OSError(errno=int(), strerror=str(text)):
            return text.lower()
    return f"its data is cut short or damaged ({str(error) or type(error).__name__})"


def orientation_of(image: Image.Image) -> int:
    """Return the orientation of EXIF, 1 to 8."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:  # a damaged EXIF block raises nearly every type
        _log.debug("EXIF ignored: %s", error)
        return 1
