"""Small square stones packed along given directions (Hausner 2001, "Simulating decorative mosaics")."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Field
from .cells import Labels

Places = NDArray[np.floating]


def pack(rng: np.random.Generator, angle: Field, edges: NDArray[np.bool_], tile: float) -> Places:
    """Return where stones lie that fill a surface evenly, each turned to the direction at its place.

    Args:
        rng: Where chance comes from.
        angle: Direction of the rows, in radians, `(side, side)`.
        edges: Where no stone's middle may be, so that rows run along it.
        tile: Width of a stone, in pixels.

    Returns:
        Rows and columns, `(N, 2)`, in pixels.
    """
    side = len(angle)
    count = round(side / tile)
    places = (np.mgrid[:count, :count].reshape(2, -1).T + rng.uniform(0.1, 0.9, (count**2, 2))) * side / count
    rows, columns = np.nonzero(~edges)
    for _ in range(12):
        owner = nearest_stone(places, angle, tile)[0][rows, columns]
        area = np.bincount(owner, minlength=len(places))
        for axis, position in enumerate((rows, columns)):
            mean = np.bincount(owner, position, len(places)) / np.maximum(area, 1)
            places[:, axis] = np.where(area > 0, mean, places[:, axis])
    return places


def nearest_stone(places: Places, angle: Field, tile: float) -> tuple[Labels, Field]:
    """Return which stone each position belongs to, and how far from its middle it is, in half widths.

    Distance is that of a square turned with the stone, so the borders between neighbours are straight.
    """
    side = len(angle)
    reach = int(1.6 * tile) + 1
    step = np.arange(-reach, reach + 1)
    middle = places.astype(np.intp).clip(0, side - 1)
    turn = angle[middle[:, 0], middle[:, 1]][:, None, None]
    rows = middle[:, 0, None, None] + step[:, None]
    columns = middle[:, 1, None, None] + step
    down, right = rows - places[:, 0, None, None], columns - places[:, 1, None, None]
    cos, sin = np.cos(turn), np.sin(turn)
    distance = np.maximum(np.abs(right * cos + down * sin), np.abs(down * cos - right * sin)) * (2 / tile)
    bits = len(places).bit_length()
    stone = np.arange(len(places))[:, None, None]
    keys = ((distance * 4096).astype(np.int64) << bits) | stone
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    nearest: Labels = np.full((side, side), np.iinfo(np.int64).max)
    np.minimum.at(nearest.reshape(-1), (rows * side + columns)[inside], keys[inside])
    owner = np.minimum(nearest & ((1 << bits) - 1), len(places) - 1)
    return owner, np.minimum((nearest >> bits) / 4096, 4).astype(np.float32)
