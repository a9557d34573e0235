"""A mosaic of glass and stone, in rows that follow what it shows."""

import numpy as np

from allaprima.images.pixels import Pixels

from .canvas import Field, colours, coordinates, finish, lit, mix, smoothstep, working_side
from .cells import Labels, distance_to_edges
from .koi_pond import KoiPond
from .noise import blur, smooth_noise
from .tesserae import Places, nearest_stone, pack

MORTAR = colours("2c2a30")[0]


def mosaic(size: int = 512, seed: int = 0) -> Pixels:
    """Lay a mosaic of two koi in a pond.

    Args:
        size: Pixels a side.
        seed: Another one gives another pond.

    Returns:
        The picture, `(size, size, 3)`, uint8, sRGB.

    Raises:
        ValueError: If `size` is below 16.
    """
    side = working_side(size)
    rng = np.random.default_rng(seed)
    pond = KoiPond(rng, side)
    angle = _directions(pond.parts)
    outline = distance_to_edges(pond.parts, 4) < 2
    tile = 0.0165 * side
    places = 2 * pack(rng, angle[::2, ::2], outline[::2, ::2], tile / 2)
    return finish(_set_stones(rng, pond.colour, places, angle, tile), size)


def _directions(parts: Labels) -> Field:
    """Return the direction of the rows: along the nearest outline, and around the pond far from any."""
    side = len(parts)
    x, y = coordinates(side)
    outline = (distance_to_edges(parts, 4) < 2).astype(np.float32)
    # Angles are doubled: a row has a direction, but no way that it points.
    tangent = 2 * np.arctan2(y - 0.5, x - 0.5)
    right, down = 1e-3 * np.cos(tangent), 1e-3 * np.sin(tangent)
    for radius in (0.008, 0.02, 0.05):
        slope_down, slope_right = np.gradient(blur(outline, radius * side), 1024 / side)
        strength, across = np.hypot(slope_down, slope_right), 2 * np.arctan2(slope_down, slope_right)
        right += blur(strength * np.cos(across), 0.008 * side)
        down += blur(strength * np.sin(across), 0.008 * side)
    angle: Field = 0.5 * np.arctan2(down, right) + np.pi / 2
    return angle


def _set_stones(rng: np.random.Generator, colour: Field, places: Places, angle: Field, tile: float) -> Field:
    """Return the stones in their mortar: each of one colour, a little tilted, uneven and shiny."""
    side, count = len(colour), len(places)
    stone, distance = nearest_stone(places, angle, tile)
    rows, columns = places.astype(np.intp).clip(0, side - 1).T
    tints = colour[rows, columns] * rng.uniform(0.78, 1.22, (count, 1)) + rng.normal(0, 0.03, (count, 3))
    gap = distance_to_edges(stone, 8) * (17 / tile)
    chip = smooth_noise(rng, side, 0.004, 2)
    inside = smoothstep(1.0, 2.4, gap + 0.35 * chip) * smoothstep(1.3, 1.16, distance + 0.03 * chip)
    x, y = coordinates(side)
    tilt = rng.normal(0, 0.9 / tile, (2, count))[:, stone]
    slant = tilt[0] * (y * side - places[stone, 0]) + tilt[1] * (x * side - places[stone, 1])
    face = 1.6 * smoothstep(0.5, 5.0, gap) + 0.6 * slant + 0.12 * smooth_noise(rng, side, 0.01, 3)
    shade = 1 + 0.06 * smooth_noise(rng, side, 0.012, 3) + 0.14 * slant
    mortar = MORTAR * (1 + 0.25 * smooth_noise(rng, side, 0.005, 2))[..., None]
    picture = mix(mortar, tints[stone] * shade[..., None], inside)
    return lit(picture, inside * (1 + face), depth=0.7, gloss=0.5)
