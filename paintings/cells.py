"""Surfaces divided into cells: which cell a position is in, and how far from its edge."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Field

Labels = NDArray[np.int64]


def jittered_cells(rng: np.random.Generator, u: Field, v: Field, turns: int = 0) -> Labels:
    """Return which cell of an irregular Voronoi pattern each position is in.

    There is one cell in each unit square of the coordinates `u` and `v`, so these shape the
    pattern: polar coordinates, for instance, make rings.

    Args:
        rng: Where chance comes from.
        u: First coordinate, `(H, W)`.
        v: Second coordinate, `(H, W)`.
        turns: How many cells make a full turn in `v`, so that the pattern closes; 0 if it need not.

    Returns:
        Labels from 0 on, `(H, W)`; the same label is the same cell.
    """
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    column0, row0 = column.min() - 1, row.min() - 1
    width, height = column.max() - column0 + 2, row.max() - row0 + 2
    shift = rng.uniform(0.2, 0.8, (2, height, width)).astype(np.float32)  # so that the nearest is beside
    best = np.full(u.shape, np.inf, np.float32)
    labels = np.zeros(u.shape, np.int64)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            i, j = row + down, column + right
            wrapped = (i % turns if turns else i - row0) % height
            seed_u = j + shift[0, wrapped, j - column0]
            seed_v = i + shift[1, wrapped, j - column0]
            distance = (u - seed_u) ** 2 + (v - seed_v) ** 2
            nearer = distance < best
            best[nearer] = distance[nearer]
            labels[nearer] = (wrapped * width + j - column0)[nearer]
    return labels


def distance_to_edges(labels: Labels, reach: int) -> Field:
    """Return how far each position is from the next cell, in pixels and at most `reach`, `(H, W)`."""
    edge = np.zeros(labels.shape, bool)
    edge[:-1] |= labels[:-1] != labels[1:]
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    distance = np.where(edge, 0, reach).astype(np.float32)
    for _ in range(reach):  # along columns, one pixel further each time
        distance[1:] = np.minimum(distance[1:], distance[:-1] + 1)
        distance[:-1] = np.minimum(distance[:-1], distance[1:] + 1)
        if distance.max() < reach:
            break
    square = distance**2
    nearest = square.copy()
    for offset in range(1, reach + 1):
        nearest[:, offset:] = np.minimum(nearest[:, offset:], square[:, :-offset] + offset**2)
        nearest[:, :-offset] = np.minimum(nearest[:, :-offset], square[:, offset:] + offset**2)
    return np.minimum(np.sqrt(nearest), np.float32(reach))
