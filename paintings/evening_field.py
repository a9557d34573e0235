"""What the brush paints: a low sun over hills, cypresses and a field in rows."""

from dataclasses import dataclass

import numpy as np

from .canvas import Field, colours, coordinates, cycled, mix, ramp, smoothstep
from .cells import Labels
from .noise import smooth_noise

DISTANCES = (0, 0.055, 0.10, 0.17, 0.25, 0.36, 0.48, 0.62, 0.8)
"""From the sun, at which the sky has these colours, and its bands those."""
SKY = colours("fff4a8", "ffd23c", "ff9a2a", "f2604a", "c8508c", "5a58b8", "2a62c0", "14408c", "0e2a60")
BANDS = colours("ffe680", "ffb84a", "ff7a4a", "e890a0", "7ab0d8", "48b8c0", "78d0c8", "2a80b8", "3058b0")
HILLS = colours("40408c", "6a58a8", "2a5a8c", "8c6aa8")
ROWS = colours("e8b030", "3a7a3a", "f4d048", "b83a2a", "6aa03a", "d8882a", "24584a", "e0c060")
CYPRESS = colours("0c2a2c", "14443a", "1a3060", "2c6a44", "0a1c30")

HILL, FIELD, TREE = 1, 2, 3
"""Planes, from far to near; the sky is 0."""


@dataclass
class Scene:
    """What is to be painted, at each position.

    Attributes:
        colour: The colour meant, `(side, side, 3)`.
        angle: Which way a brush goes, in radians.
        busy: How many of the finer strokes it needs, about 0 to 1.
        plane: What it belongs to: `HILL`, `FIELD`, `TREE` or 0.
    """

    colour: Field
    angle: Field
    busy: Field
    plane: Labels

    def add(self, plane: int, inside: Field, tint: Field, angle: Field) -> None:
        """Put something in front of what there is; `inside` is 0 outside and 1 within."""
        self.colour = mix(self.colour, tint, inside)
        self.angle = np.where(inside > 0.5, angle, self.angle)
        self.plane[inside > 0.5] = plane


def evening_field(rng: np.random.Generator, side: int) -> Scene:
    """Compose the scene."""
    x, y = (axis + 0.008 * smooth_noise(rng, side, 0.1, 3) for axis in coordinates(side))
    sun = rng.uniform(0.58, 0.72), rng.uniform(0.30, 0.38)
    busy = smoothstep(-0.5, 1.0, smooth_noise(rng, side, 0.15, 2))
    scene = Scene(*_sky(rng, x, y, sun), busy, np.zeros((side, side), np.int64))
    below = y - 0.56 - 0.05 * np.sin(5.5 * x + rng.uniform(0, 6)) - 0.02 * np.sin(13 * x)
    hills = cycled(HILLS, below * 26 + 1.5 * np.sin(7 * x))
    scene.add(HILL, smoothstep(0, 0.004, below), hills, 0.35 * np.cos(5.5 * x + 2))
    toward = np.arctan2(y - 0.60, x - sun[0] + 0.12)  # where the rows of the field meet
    rows = cycled(ROWS, toward * 9 + 0.25 * smooth_noise(rng, side, 0.08)) * (0.72 + 0.4 * y)[..., None]
    near = smoothstep(0, 0.006, y - 0.645 - 0.015 * np.sin(6 * x))
    scene.add(FIELD, near, rows, toward + 0.2 * smooth_noise(rng, side, 0.1))
    scene.busy = np.maximum(scene.busy, 0.6 * (scene.plane > 0))
    for trunk, foot, height, wide in ((0.15, 0.88, 0.76, 0.060), (0.29, 0.76, 0.44, 0.042)):
        up = (foot - y) / height
        sway = x - trunk - rng.uniform(-0.03, 0.03) - 0.013 * np.sin(7 * up + trunk * 20)
        flame = 1.2 * wide * np.clip(8 * up, 0, 1) ** 0.7 * np.clip(1 - up, 0, 1) ** 0.6
        leaves = cycled(CYPRESS, 4 * sway / wide + 3 * np.sin(9 * up))
        inside = smoothstep(0, 0.006, flame - np.abs(sway))
        scene.add(TREE, inside, leaves, np.pi / 2 + 0.5 * np.sin(11 * up + 40 * sway))
        scene.busy = np.maximum(scene.busy, inside)
    return scene


def _sky(rng: np.random.Generator, x: Field, y: Field, sun: tuple[float, float]) -> tuple[Field, Field]:
    """Return a sky that turns about the sun and two eddies: its colours, and the way it flows."""
    from_sun = np.hypot(x - sun[0], y - sun[1])
    ripple = 7.5 * from_sun + 0.3 * smooth_noise(rng, len(x), 0.2)
    right, down = np.full_like(x, 0.5), np.zeros_like(x)
    eddies = ((*sun, 1.3), (rng.uniform(0.34, 0.42), 0.16, -1.0), (0.95, rng.uniform(0.06, 0.12), -0.8))
    for column, row, strength in eddies:
        dx, dy = x - column, y - row
        distance = np.hypot(dx, dy) + 0.03
        pull = strength * np.exp(-distance / 0.2) / distance
        right, down = right - pull * dy, down + pull * dx
        ripple = ripple + 3.75 * np.exp(-((distance / 0.13) ** 2))
    band = smoothstep(0.1, 0.5, np.sin(2 * np.pi * ripple))
    depth = from_sun + 0.025 * smooth_noise(rng, len(x), 0.12, 2)
    colour = mix(ramp(DISTANCES, SKY, depth), ramp(DISTANCES, BANDS, depth), 0.75 * band)
    return mix(colour, SKY[0], smoothstep(0.058, 0.050, from_sun)), np.arctan2(down, right)
