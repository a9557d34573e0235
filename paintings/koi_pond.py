"""The cartoon of the mosaic: two koi circling in a pond, water lilies in its corners, a frame."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Field, colours, coordinates, cycled
from .cells import Labels
from .noise import smooth_noise

WATER = colours("0a2c5c", "0e4c8c", "1478b0", "2aa8b8", "7adcc8", "30b0c0", "1670a8", "0c3c74")
RED_KOI, GOLDEN_KOI = colours("f8ecd8", "f4682a", "e03a1c"), colours("f8c040", "f08a24", "2a2430")
FIN = colours("fbe8c8", "f0a868")
PAD = colours("1a6a3a", "48a048", "9cc048", "2a8460")
LILY = colours("e0609a", "f8b0c8", "f8d848")
TIPS = colours("f8b0c8", "fff0ec", "f8d848")
FRAME = colours("d8a83a", "8c2a2a", "f0d078", "4a1c30")
EYE = colours("14101c")[0]


class KoiPond:
    """What the stones are laid over.

    Attributes:
        colour: The colour meant at each position, `(side, side, 3)`.
        parts: A number for each thing shown, whose outlines the rows of stones follow.
    """

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        self._rng = rng
        self._x, self._y = coordinates(side)
        self._radius = np.hypot(self._x - 0.5, self._y - 0.5)
        self._turn = np.arctan2(self._y - 0.5, self._x - 0.5)
        self.parts: Labels = np.zeros((side, side), np.int64)
        ripple = 19 * self._radius + 8 * self._turn / np.pi + 1.1 * smooth_noise(rng, side, 0.3, 2)
        self.colour = cycled(WATER, ripple + rng.normal(0, 0.3, ripple.shape))
        for centre in ((0.10, 0.12), (0.90, 0.14), (0.88, 0.88), (0.12, 0.86)):
            self._draw_lily(centre, rng.uniform(0.13, 0.17))
        start = rng.uniform(0, 2 * np.pi)
        self._draw_koi(start, RED_KOI)
        self._draw_koi(start + np.pi, GOLDEN_KOI)
        rim = 60 * np.minimum.reduce([self._x, self._y, 1 - self._x, 1 - self._y])
        for band in range(3):
            self._draw((rim >= band) & (rim < band + 1), FRAME[band])

    def _draw(self, where: NDArray[np.bool_], tint: Field) -> None:
        """Draw one thing: `tint` is one colour, or one a position."""
        self.colour[where] = tint if tint.ndim == 1 else tint[where]
        self.parts[where] = self.parts.max() + 1

    def _draw_lily(self, centre: tuple[float, float], radius: float) -> None:
        dx, dy = self._x - centre[0], self._y - centre[1]
        distance, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
        notch = np.abs((turn - self._rng.uniform(-3, 3) + np.pi) % (2 * np.pi) - np.pi) < 0.22
        veins = np.where(distance > 0.72 * radius, 2, 0) + np.floor(turn * 12 / np.pi) % 2
        self._draw((distance < radius) & ~notch, cycled(PAD, veins))
        for ring, (share, petals) in enumerate(((0.62, 9), (0.40, 7), (0.15, 1))):
            edge = share * radius * (0.72 + 0.28 * np.abs(np.cos(petals * (turn + ring) / 2)))
            is_tip = (distance > 0.72 * edge)[..., None]
            self._draw(distance < edge, np.where(is_tip, TIPS[ring], LILY[ring]))

    def _draw_koi(self, head: float, palette: Field) -> None:
        """Draw a fish whose spine lies about the middle of the pond, from the angle `head` backwards."""
        rng, side = self._rng, len(self.colour)
        s = ((head - self._turn + 0.5) % (2 * np.pi) - 0.5) / 2.35  # 0 at its mouth, 1 in its tail
        t = self._radius - 0.235 - 0.022 * np.sin(2 * np.pi * s + 0.6)
        out = np.abs(t)
        for place, reach in ((0.26, 0.105), (0.58, 0.055)):
            back = s - place - 0.7 * out
            wide = 0.055 * np.sqrt(np.clip(1.4 - out / reach, 0, 1))
            self._draw(np.abs(back) < wide, cycled(FIN, 60 * back))
        tail = 0.016 + 0.42 * np.clip(s - 0.80, 0, 1)
        forked = (s > 0.78) & (s < np.minimum(0.95 + 1.6 * out, 1.09))
        self._draw(forked & (out < tail), cycled(FIN * (0.3 + 0.7 * palette[1]), 3.5 * t / tail))
        body = 0.12 * np.clip(1.25 * s, 0, 1) ** 0.42 * np.clip(1.02 - 1.12 * s, 0, 1) ** 0.75
        body = np.where((s > 0) & (s < 0.93), np.maximum(body, 0.014), 0)
        patches = smooth_noise(rng, side, 0.09, 2) + 0.4 * np.sin(16 * s)
        skin = palette[np.where(patches > 0.75, 2, np.where(patches > 0.15, 1, 0))]
        self._draw(out < body, skin * (1.06 - 0.42 * np.minimum(out / (body + 1e-6), 1) ** 2.5)[..., None])
        self.colour[(out < 0.008) & (s > 0.2) & (s < 0.93)] = palette[2] * 0.8
        self.colour[np.hypot(0.55 * (s - 0.085), out - 0.03) < 0.011] = EYE
