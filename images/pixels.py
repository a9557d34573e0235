"""The type of 8-bit pixels, and their size changed."""

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
