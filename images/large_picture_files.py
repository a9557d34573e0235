"""Pictures too large for memory: read and written strip by strip, by libvips."""

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from allaprima.atomic import write_atomically

from .background import WHITE, levels_of
from .colour import gamma_of
from .libvips import libvips, reason_of_vips
from .picture_files import (
    Picture,
    PictureError,
    encoder_for,
    identify,
    is_animated,
    opened,
    orientation_of,
    pillow_limit,
    reason_of,
)

STRIP_ROWS = 128

_IMAGE_WIDTH, _IMAGE_LENGTH = 256, 257  # tags of TIFF
_ANY = 2**62
"""More pixels than there are."""

_BIGTIFF_FROM = 2**31
"""Bytes of pixels from which on a pyramid, compressed badly, may not fit a TIFF of 4 GB."""
_SAVERS = {"PNG": "pngsave", "JPEG": "jpegsave", "TIFF": "tiffsave"}
_LOADERS = {"PNG": "pngload", "JPEG": "jpegload", "TIFF": "tiffload"}
_TURNED = range(5, 9)
"""The orientations of EXIF that exchange width and height."""
# What libvips calls an encoded colour space, and the mode that Pillow has for it.
_MODES = {
    ("srgb", 3): "RGB",
    ("srgb", 4): "RGBA",
    ("rgb", 3): "RGB",
    ("b-w", 1): "L",
    ("b-w", 2): "LA",
    ("cmyk", 4): "CMYK",
    ("rgb16", 3): "RGB",
    ("rgb16", 4): "RGBA",
    ("grey16", 1): "I;16",
}
_WITHOUT_OPACITY = {"RGBA": "RGB", "LA": "L"}
"""What a mode is where the last band is something else, as TIFF files may say."""


class NotInStripsError(PictureError):
    """A picture is of a kind that only `read_picture` reads; the message says of which."""


@dataclass(frozen=True)
class PictureFacts:
    """What a file says of its picture before that is decoded.

    Attributes:
        height: Rows, of the upright picture.
        width: Columns.
        format: What Pillow calls its format.
        mode: What Pillow calls its colours.
        transparent: Whether it has opacity, and not only a band more than its colours.
        orientation: Of EXIF, 1 to 8.
        icc_profile: Its colour profile, or None.
        gamma: From `gamma_of`.
        animated: Whether it is only the first frame of its file.
    """

    height: int
    width: int
    format: str
    mode: str
    transparent: bool
    orientation: int
    icc_profile: bytes | None
    gamma: float | None = None
    animated: bool = False

    @property
    def pixels(self) -> int:
        """Their number."""
        return self.height * self.width


def picture_facts(source: Path | bytes) -> PictureFacts:
    """Return what a file, or its contents, says of its picture, however large that is.

    Raises:
        PictureError: If it is not a picture; the message names it and says why.
    """
    try:
        with pillow_limit(_ANY), opened(source) as file:
            image = identify(file)
            turned = orientation_of(image)
            width, height = _stored_size(image)
            if turned in _TURNED:
                width, height = height, width
            profile = image.info.get("icc_profile")
            return PictureFacts(
                height,
                width,
                str(image.format),
                image.mode,
                image.has_transparency_data,
                turned,
                profile,
                gamma_of(image),
                is_animated(image),
            )
    except MemoryError:
        raise
    except Exception as error:  # decoders of damaged data raise nearly every type
        name = "" if isinstance(source, bytes) else f" '{source}'"
        raise PictureError(f"picture{name} cannot be read: {reason_of(error)}") from error


def reads_strips(facts: PictureFacts) -> bool:
    """Return whether pictures of that kind can be read strip by strip; libvips refuses LAB of 8 bits."""
    return facts.format in _LOADERS and facts.mode != "LAB"


@contextmanager
def read_strips(source: Path, facts: PictureFacts) -> Iterator[Iterator[Picture]]:
    """Yield a picture's strips from top to bottom, upright, in sRGB, as `read_picture` would give them.

    A picture that is stored on its side, or upside down, is decoded to a temporary file first.

    Args:
        source: A file that `reads_strips`.
        facts: From `picture_facts`.

    Raises:
        NotInStripsError: If it has floating point numbers, or a colour space that is seldom met.
        PictureError: If its data is damaged.
    """
    pyvips = libvips()
    upright = facts.orientation in (1, 2)
    load = getattr(pyvips.Image, _LOADERS[facts.format])
    try:
        image = load(
            os.fsencode(source), access="sequential" if upright else "random", fail_on="error", unlimited=True
        )
        mode = _MODES.get((image.interpretation, image.bands))
        if mode is None or image.format not in ("uchar", "ushort"):
            kind = f"{image.bands} bands of {image.format} in {image.interpretation}"
            raise NotInStripsError(f"picture '{source}' cannot be read in strips: it has {kind}")
        if mode in _WITHOUT_OPACITY and not facts.transparent:
            image, mode = image.extract_band(0, n=image.bands - 1), _WITHOUT_OPACITY[mode]
        if facts.orientation != 1:
            image = image.copy()
            image.set_type(pyvips.GValue.gint_type, "orientation", facts.orientation)
            image = image.autorot()
        yield _strips(image, mode, facts)
    except pyvips.Error as error:
        raise PictureError(f"picture '{source}' cannot be read: {reason_of_vips(error)}") from error


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as stored; Pillow turns those of TIFF files."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(_IMAGE_WIDTH, image.width), tags.get(_IMAGE_LENGTH, image.height)


def _strips(image: Any, mode: str, facts: PictureFacts) -> Iterator[Picture]:
    pyvips = libvips()
    region = pyvips.Region.new(image)
    for top in range(0, image.height, STRIP_ROWS):
        rows = min(STRIP_ROWS, image.height - top)
        data = region.fetch(0, top, image.width, rows)
        if image.format == "ushort" and mode != "I;16":
            data = (np.frombuffer(data, np.uint16) >> 8).astype(np.uint8).tobytes()  # as Pillow does
        strip = Image.frombytes(mode, (image.width, rows), data)
        if facts.icc_profile:
            strip.info["icc_profile"] = facts.icc_profile
        if facts.gamma:
            strip.info["gamma"] = facts.gamma
        yield Picture.from_image(strip)


def encode_raw(
    rgb: Path,
    alpha: Path | None,
    target: Path,
    *,
    size: tuple[int, int],
    quality: int,
    background: str = WHITE,
) -> None:
    """Write a picture that lies in files of bare pixels in the format that a suffix names, or nothing.

    TIFF files are tiled pyramids, and BigTIFF where they might need it.

    Args:
        rgb: Its colours, three bytes a pixel.
        alpha: Its opacity, one byte a pixel, or None.
        target: A file with one of the suffixes of `encodes_raw`, replaced if it exists.
        size: Its rows and columns.
        quality: Of JPEG, 1 to 100.
        background: What it is put on where the format has no transparency, from `background_colour`.

    Raises:
        ValueError: If the format is too small for the picture.
        OSError: If the file cannot be written.
    """
    pyvips = libvips()
    height, width = size
    format = encoder_for(target, height, width).format
    bigtiff = height * width * (3 if alpha is None else 4) > _BIGTIFF_FROM
    options = {
        "JPEG": {"Q": quality, "subsample_mode": "off"},
        "PNG": {"compression": 6, "filter": "all"},
        "TIFF": {
            "compression": "lzw",
            "predictor": "horizontal",
            "tile": True,
            "tile_width": 256,
            "tile_height": 256,
            "pyramid": True,
            "bigtiff": bigtiff,
        },
    }[format]
    try:
        with ExitStack() as stack:
            temporary = stack.enter_context(write_atomically(target))
            pixels = [stack.enter_context(_mapped(path)) for path in (rgb, alpha) if path is not None]
            image = pyvips.Image.new_from_memory(pixels[0], width, height, 3, "uchar")
            image = image.copy(interpretation="srgb")
            if alpha is not None:
                image = image.bandjoin(pyvips.Image.new_from_memory(pixels[1], width, height, 1, "uchar"))
                image = image.flatten(background=levels_of(background)) if format == "JPEG" else image
            image.set_progress(True)
            image.signal_connect("eval", lambda _, progress: _let_go(pixels))
            getattr(image, _SAVERS[format])(os.fsencode(temporary), **options)
    except pyvips.Error as error:
        raise OSError(f"cannot write '{target}': {reason_of_vips(error)}") from error


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pixels:
        yield pixels


def _let_go(pixels: Sequence[mmap.mmap]) -> None:
    """Give back the memory of what was read of a file: it would count as the process's own."""
    for mapped in pixels:
        if hasattr(mapped, "madvise"):
            mapped.madvise(mmap.MADV_DONTNEED)


def encodes_raw(target: Path) -> bool:
    """Return whether `encode_raw` writes a format; other encoders want the whole picture in memory."""
    return target.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif", ".tiff")
