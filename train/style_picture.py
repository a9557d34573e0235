"""The style picture: its pixels at the training size, and its checksum."""

import hashlib
from pathlib import Path

from allaprima.images.picture import read_picture
from allaprima.images.pixels import Pixels, resized
from allaprima.models.network_settings import MINIMUM_SIZE

MAX_PIXELS = 400_000_000
"""More than for a photograph: museums' scans are large, and there is only one."""


def read_style(path: Path, size: int | None) -> Pixels:
    """Return the style picture with a shorter side of at most `size` pixels, `(H, W, 3)`, uint8.

    None leaves it as large as it is.

    Raises:
        PictureError: If it cannot be read.
        ValueError: If it is smaller than 16x16 pixels.
    """
    pixels = read_picture(path, max_pixels=MAX_PIXELS).rgb
    height, width = pixels.shape[:2]
    if min(height, width) < MINIMUM_SIZE:
        raise ValueError(
            f"style '{path}' is {width}x{height} pixels; "
            f"the smallest that works is {MINIMUM_SIZE}x{MINIMUM_SIZE}"
        )
    scale = 1 if size is None else size / min(height, width)
    if scale >= 1:
        return pixels
    return resized(pixels, round(height * scale), round(width * scale))


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
