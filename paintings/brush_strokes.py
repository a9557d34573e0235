"""Thick oil on canvas, in directed strokes from large to small."""

from dataclasses import dataclass

import numpy as np

from allaprima.images.pixels import Pixels

from .canvas import Field, colours, finish, lit, working_side
from .evening_field import FIELD, Scene, evening_field
from .noise import stretched_noise

GROUND = colours("8c4a2c")[0]
POPPIES = colours("e02818", "f04a28", "fff0d0", "d81838", "ff9a30", "f8d8e0", "6a50b0")
BRUSHES = ((0.080, 3.5, 1.0), (0.044, 4.5, 1.0), (0.024, 5.5, 0.8), (0.013, 6.0, 0.3))
"""Width as a share of the side, length in widths, and how much of the canvas it goes over."""
MINIMUM_WIDTH = 1.9
"""In pixels; finer strokes would be lost in reduction."""


def brush_strokes(size: int = 512, seed: int = 0) -> Pixels:
    """Paint an evening landscape in thick strokes, with the relief of oil paint.

    Args:
        size: Pixels a side.
        seed: Another one gives another evening.

    Returns:
        The picture, `(size, size, 3)`, uint8, sRGB.

    Raises:
        ValueError: If `size` is below 16.
    """
    side = working_side(size, 1.5)
    rng = np.random.default_rng(seed)
    scene = evening_field(rng, side)
    canvas = _Canvas(rng, side)
    for width, length, share in BRUSHES:
        if width * side > MINIMUM_WIDTH:
            _cover(canvas, scene, width, length, share)
    _set_poppies(canvas, scene)
    return finish(lit(canvas.colour, canvas.height, depth=0.9, gloss=0.35), size)


@dataclass(frozen=True)
class _Stroke:
    """One touch of the brush; lengths are shares of the side."""

    x: float
    y: float
    angle: float
    length: float
    width: float
    tint: Field


class _Canvas:
    """What lies on the canvas: its colour, and how thick it is."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        self.rng = rng
        self.side = side
        self.colour = np.tile(GROUND, (side, side, 1))
        self.height = np.zeros((side, side), np.float32)
        # Long hairs, the same backwards so that there is no seam.
        hairs = stretched_noise(rng, 512, 0.5, 1 / 28) + 0.7 * stretched_noise(rng, 512, 0.2, 1 / 90)
        self.hairs = np.concatenate([hairs, hairs[:, ::-1]], 1) * 0.8

    def paint(self, stroke: _Stroke) -> None:
        """Lay one stroke over what is there: slightly bent, combed by the hairs, thicker at its sides."""
        length, width = stroke.length * self.side, stroke.width * self.side
        cos, sin = float(np.cos(stroke.angle)), float(np.sin(stroke.angle))
        bend = float(self.rng.normal(0, 0.10)) * length
        across = width / 2 + abs(bend)
        columns = self._span(stroke.x, abs(cos) * length / 2 + abs(sin) * across)
        rows = self._span(stroke.y, abs(sin) * length / 2 + abs(cos) * across)
        dx = np.arange(columns.start, columns.stop, dtype=np.float32) - stroke.x * self.side
        dy = (np.arange(rows.start, rows.stop, dtype=np.float32) - stroke.y * self.side)[:, None]
        s = (dx * cos + dy * sin) * (2 / length)  # -1 where it begins, 1 where it ends
        t = (dy * cos - dx * sin - bend * (s * s - 0.33)) * (2 / width)  # -1 and 1 at its sides
        shift = self.rng.integers(400, size=2)
        at = (100 * t + 200).astype(np.intp) + shift[0], (160 * s + 240).astype(np.intp) + shift[1]
        hair = self.hairs[at[0] % 512, at[1] % 1024]
        edge = 1 - np.maximum(np.abs(t), np.abs(s) ** 3 + 0.05 * hair)
        paint_left = 1.9 + hair - 1.35 * _limited(s)  # towards its end the brush runs dry
        cover = _limited(0.5 * width * edge) * _limited(paint_left)
        ridge = _limited(1 - 9 * (np.abs(t) - 0.8) ** 2)
        thick = 5 * stroke.width**0.5 * (0.9 + 0.55 * hair + 0.8 * ridge)
        tint = stroke.tint.astype(np.float32) + hair[..., None] * np.array((0.06, 0.055, 0.045), np.float32)
        self.colour[rows, columns] += (tint - self.colour[rows, columns]) * cover[..., None]
        self.height[rows, columns] += (thick - 0.65 * self.height[rows, columns]) * cover

    def _span(self, middle: float, reach: float) -> slice:
        """Return the pixels of the canvas from `reach` before to `reach` behind a place."""
        first, last = middle * self.side - reach - 1, middle * self.side + reach + 1
        return slice(max(int(first), 0), max(min(int(last), self.side), 0))


def _limited(values: Field) -> Field:
    """Return values limited to [0, 1], with less overhead than np.clip has on a small array."""
    limited: Field = np.minimum(np.maximum(values, 0), 1)
    return limited


def _cover(canvas: _Canvas, scene: Scene, width: float, length: float, share: float) -> None:
    """Go over the canvas once with one brush, what is far first."""
    rng, side = canvas.rng, canvas.side
    count = int(1.6 / width) + 2
    grid = np.mgrid[:count, :count].reshape(2, -1).T
    places = rng.permutation((grid + rng.uniform(-0.6, 0.6, grid.shape)) * 0.62 * width)
    rows, columns = (places * side).astype(np.intp).clip(0, side - 1).T
    for index in np.argsort(scene.plane[rows, columns], kind="stable"):
        at = rows[index], columns[index]
        if rng.uniform() > share * (0.35 + scene.busy[at]):
            continue
        near = (at + rng.normal(0, 0.3 * width * side, 2)).astype(np.intp).clip(0, side - 1)
        tint = scene.colour[near[0], near[1]] * rng.uniform(0.86, 1.14) + rng.normal(0, 0.035, 3)
        angle = float(scene.angle[at]) + rng.normal(0, 0.10)
        wide, long = width * rng.uniform(0.8, 1.2), width * length * rng.uniform(0.6, 1.1)
        canvas.paint(_Stroke(places[index, 1], places[index, 0], angle, long, wide, tint))


def _set_poppies(canvas: _Canvas, scene: Scene) -> None:
    """Dab flowers into the field, larger towards the viewer."""
    rng, side = canvas.rng, canvas.side
    for _ in range(420):
        x, y = rng.uniform(), 0.66 + 0.34 * rng.uniform() ** 1.2
        at = int(y * side), int(x * side)
        if scene.plane[at] != FIELD:
            continue
        width = (0.006 + 0.075 * (y - 0.64)) * rng.uniform(0.5, 1.0)
        tint = POPPIES[min(int(rng.exponential(1.6)), len(POPPIES) - 1)] * rng.uniform(0.85, 1.1)
        angle = scene.angle[at] + rng.normal(0, 0.9)
        canvas.paint(_Stroke(x, y, angle, 1.7 * width, width, tint))
