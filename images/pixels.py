"""The type of 8-bit pixels, to and from floats, and their size changed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""RGB in sRGB, `(H, W, 3)`."""


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return a picture of the given size, `(height, width, 3)`, uint8."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def to_floats(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return bytes as floats in [0, 1], of the same shape."""
    return np.divide(levels, 255, dtype=np.float32)


def to_levels(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return floats as bytes, rounded, of the same shape; what lies outside [0, 1] is clipped."""
    levels = values * np.float32(255)
    np.rint(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)
    return levels.astype(np.uint8)


def as_floats(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return `(B, H, W, 3)` bytes as `(B, 3, H, W)` floats in [0, 1]."""
    return to_floats(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def as_bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return `(B, 3, H, W)` floats in [0, 1] as `(B, H, W, 3)` bytes."""
    return np.ascontiguousarray(to_levels(images).transpose(0, 2, 3, 1))


def enough(length: int, least: int) -> NDArray[np.intp]:
    """Return which of a picture's rows, or columns, make enough: all, and mirrored as often as is needed."""
    return np.pad(np.arange(length), (0, max(0, least - length)), mode="symmetric")
