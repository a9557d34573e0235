"""The surface that the paintings share: coordinates, colours, and the way to 8-bit pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from allaprima.images.pixels import Pixels, to_levels

Field = NDArray[np.floating]
"""One number a position, `(H, W)`, or one colour a position, `(H, W, 3)`, sRGB in [0, 1]."""

MINIMUM_SIZE = 16


def working_side(size: int, scale: float = 2) -> int:
    """Return how many pixels a side is painted at before it is reduced to `size`: `scale` times as many.

    Raises:
        ValueError: If `size` is below 16 pixels.
    """
    if size < MINIMUM_SIZE:
        raise ValueError(f"size is {size}; the smallest that shows a picture is {MINIMUM_SIZE} pixels")
    return round(scale * size)


def coordinates(side: int) -> tuple[Field, Field]:
    """Return x (to the right) and y (down) of each pixel's centre, in [0, 1], both `(side, side)`."""
    steps = (np.arange(side, dtype=np.float32) + 0.5) / np.float32(side)
    x, y = np.meshgrid(steps, steps)
    return x, y


def colours(*codes: str) -> Field:
    """Return colours written as `rrggbb`, `(N, 3)`, in [0, 1]."""
    return np.array([list(bytes.fromhex(code)) for code in codes], np.float32) / 255


def smoothstep(low: float, high: float, values: Field) -> Field:
    """Return 0 at `low` and before it, 1 at `high` and beyond, and a smooth passage between them."""
    t: Field = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(below: Field, above: ArrayLike, amount: Field | float) -> Field:
    """Return `below` covered by `above` as far as `amount` (`(H, W)` or one number) says."""
    share = np.asarray(amount, np.float32)
    share = share[..., None] if share.ndim else share
    return below + (np.asarray(above, np.float32) - below) * share


def ramp(stops: Sequence[float] | Field, palette: Field, values: Field) -> Field:
    """Return the colour at each value, `(H, W, 3)`: `palette[i]` at `stops[i]`, straight between them."""
    return np.stack([np.interp(values, stops, channel) for channel in palette.T], -1).astype(np.float32)


def lit(colour: Field, height: Field, depth: float, gloss: float) -> Field:
    """Return a painted surface as it looks under light from the upper left.

    Args:
        colour: The paint, `(H, W, 3)`.
        height: How far it stands out, `(H, W)`.
        depth: How strongly slopes towards the light are lighter, and those away from it darker.
        gloss: Strength of the highlights on the steepest slopes.
    """
    down, right = np.gradient(height, 1024 / len(height))  # as steep at any size
    slope = -(down + right) * 0.5**0.5
    facing = slope / np.sqrt(1 + slope**2)
    shade = 1 + depth * facing
    shine = gloss * np.clip(facing - 0.15, 0, 1) ** 2
    surface: Field = np.clip(colour, 0, 1) * shade[..., None] + shine[..., None]
    return surface


def cycled(palette: Field, numbers: Field) -> Field:
    """Return the colour that each number, rounded down, stands for; after the last comes the first."""
    chosen: Field = palette[np.floor(numbers).astype(np.intp) % len(palette)]
    return chosen


def finish(painted: Field, size: int) -> Pixels:
    """Return a painted picture as `(size, size, 3)`, uint8, reduced with antialiasing."""
    return np.array(Image.fromarray(to_levels(painted)).resize((size, size), Image.Resampling.LANCZOS))
