"""The style picture: its pixels at the training size, and its checksum."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from allaprima.images.picture_files import Picture, PictureError, read_picture
from allaprima.images.pixels import Pixels, resized
from allaprima.models.network_settings import MINIMUM_SIZE

_log = logging.getLogger(__name__)

MAX_PIXELS = 400_000_000
"""More than for a photograph: museums' scans are large, and there is only one."""


@dataclass(frozen=True)
class StylePicture:
    """A style picture as it was when it was read; what becomes of its file later is of no consequence."""

    path: Path
    sha256: str
    """Checksum of the file, in hexadecimal."""
    pixels: Pixels
    """At its training size, `(H, W, 3)`, uint8, or `(H, W, 4)` with opacity if something is transparent."""
    shorter_side: int
    """Of the picture as it is, in pixels."""

    def on(self, background: str) -> Pixels:
        """Return the picture as it looks on a colour, `(H, W, 3)`, uint8, to be shown."""
        return picture_of(self.pixels).on(background).rgb


def read_style_picture(path: Path, size: int | None) -> StylePicture:
    """Read a style picture once, with a shorter side of at most `size` pixels.

    None leaves it as large as it is.

    Raises:
        PictureError: If it cannot be read.
        ValueError: If it is smaller than 16x16 pixels.
    """
    try:
        contents = path.read_bytes()
        picture = read_picture(contents, max_pixels=MAX_PIXELS)
        pixels = _seen_part(pixels_of(picture))
        if picture.is_transparent:
            _log.warning("style '%s' has transparent areas, which take no part in the style", path)
    except FileNotFoundError as error:
        raise PictureError(f"style '{path}' cannot be read: it does not exist") from error
    except OSError as error:
        raise PictureError(f"style '{path}' cannot be read: {error.strerror or error}") from error
    except PictureError as error:
        raise type(error)(f"style '{path}' {str(error).removeprefix('picture ')}") from error
    sha256 = hashlib.sha256(contents).hexdigest()
    reduced = _seen_part(_reduced(pixels, path, size))  # so that what is kept of it is read as it is
    return StylePicture(path, sha256, reduced, min(pixels.shape[:2]))


def joint_checksum(style_pictures: Sequence[StylePicture]) -> str:
    """Return the checksum of one style picture, or one for several together, in hexadecimal."""
    first, *more = (style_picture.sha256 for style_picture in style_pictures)
    return hashlib.sha256("".join([first, *more]).encode()).hexdigest() if more else first


def pixels_of(picture: Picture) -> Pixels:
    """Return a picture's pixels as a style picture has them, with opacity only if that matters."""
    if picture.alpha is None or not picture.is_transparent:
        return picture.rgb
    return np.dstack([picture.rgb, picture.alpha])


def picture_of(pixels: Pixels) -> Picture:
    """Return the picture that pixels are, `(H, W, 3)`, or `(H, W, 4)` with opacity."""
    return Picture(pixels[..., :3], pixels[..., 3] if pixels.shape[2] == 4 else None)


def _seen_part(pixels: Pixels) -> Pixels:
    """Return the part of a picture in which something can be seen, with opacity if not all of that can."""
    if pixels.shape[2] == 3:
        return pixels
    rows, columns = (np.flatnonzero(pixels[..., 3].any(axis)) for axis in (1, 0))
    if not len(rows):
        raise PictureError("picture is transparent all over")
    return pixels_of(picture_of(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))


def _reduced(pixels: Pixels, path: Path, size: int | None) -> Pixels:
    height, width = pixels.shape[:2]
    if min(height, width) < MINIMUM_SIZE:
        raise ValueError(
            f"style '{path}' is {width}x{height} pixels; "
            f"the smallest that works is {MINIMUM_SIZE}x{MINIMUM_SIZE}"
        )
    scale = 1 if size is None else size / min(height, width)
    return pixels if scale >= 1 else resized(pixels, round(height * scale), round(width * scale))
