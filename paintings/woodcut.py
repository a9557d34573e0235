"""A woodcut in black and two colours: a red sun, a mountain, waves and a pine."""

import numpy as np
from numpy.typing import NDArray

from allaprima.images.pixels import Pixels

from .canvas import Field, colours, coordinates, finish, mix, smoothstep, working_side
from .noise import smooth_noise, stretched_noise

PAPER, INK, RED, BLUE = colours("f0e0bc", "1d1a20", "d63d22", "2f7f9c")

PADS = ((0.17, 0.17, 0.13), (0.05, 0.27, 0.10), (0.24, 0.33, 0.12), (0.03, 0.43, 0.12), (0.21, 0.50, 0.11))
"""Of the pine's needles: where across and down, and how wide."""


def woodcut(size: int = 512, seed: int = 0) -> Pixels:
    """Print a woodcut of a red sun over a mountain and the sea, with carved lines that follow each form.

    Args:
        size: Pixels a side.
        seed: Another one gives another print.

    Returns:
        The picture, `(size, size, 3)`, uint8, sRGB.

    Raises:
        ValueError: If `size` is below 16.
    """
    block = _Block(np.random.default_rng(seed), working_side(size))
    _cut_sky(block)
    _cut_mountain(block)
    _cut_sea(block)
    _cut_pine(block)
    return finish(_print(block), size)


class _Block:
    """The key block and the two colour blocks: what stays to carry ink, in [0, 1], and what is cut away."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        self.rng = rng
        self.side = side
        x, y = coordinates(side)
        self.x: Field = x + 0.003 * smooth_noise(rng, side, 0.08, 3)
        self.y: Field = y + 0.003 * smooth_noise(rng, side, 0.08, 3)
        self.hand = smooth_noise(rng, side, 0.03, 3)
        self.ink = np.zeros((side, side), np.float32)
        self.red = np.zeros((side, side), np.float32)
        self.blue = np.zeros((side, side), np.float32)

    def carve(self, where: NDArray[np.bool_], line: Field, along: Field, tone: Field) -> None:
        """Cut gouge marks into a part of the block, which carries ink elsewhere.

        Args:
            where: The part.
            line: One line a unit; the marks follow where it does not change.
            along: One mark a unit, along the line.
            tone: Share of ink that is left, from 0 (all cut away) to 1.
        """
        line = line + 0.10 * self.hand
        number = np.floor(line).astype(np.int64)
        chance = self.rng.uniform(0, 1, (2, 4096))
        place = along + 7 * chance[0, number % 4096]
        mark = (number * 31 + np.floor(place).astype(np.int64)) % 4096
        taper = (4 * (place % 1) * (1 - place % 1)) ** 0.35
        width = (1 - tone + 0.09 * self.hand) * (0.78 + 0.44 * chance[1, mark]) * taper
        left = np.abs(line - number - 0.5) * 2 > width
        self.ink[where] = left[where]
        self.red[where] = 0
        self.blue[where] = 0


def _cut_sky(block: _Block) -> None:
    rng, x, y = block.rng, block.x, block.y
    sun = rng.uniform(0.62, 0.74), rng.uniform(0.22, 0.27)
    dx, dy = x - sun[0], y - sun[1]
    radius = np.hypot(dx, dy)
    drift = 0.05 * smooth_noise(rng, block.side, 0.3, 2)
    rings = radius + 0.6 * drift
    tone = 0.28 + 0.5 * smoothstep(0.15, 0.75, radius - 0.5 * y) + 0.25 * np.sin(22 * rings)
    block.carve(radius < 2, rings * 62, np.arctan2(dy, dx) * (2 + 5 * radius), np.clip(tone, 0.12, 0.93))
    block.blue = smoothstep(0.55, 0.0, y + drift)
    disc = radius < 0.125
    block.carve(disc, y * 70 + 3 * drift, x * 9, np.where(y > sun[1] + 0.03, 0.16, 0.0))
    block.red[disc] = 1
    for column, row, wide in ((0.20, 0.13, 0.20), (0.46, 0.34, 0.16), (0.93, 0.31, 0.15)):
        across = (x - column - rng.uniform(-0.04, 0.04)) / wide
        bumps = 0.022 * np.abs(np.sin(across * 5.5 + rng.uniform(0, 3))) + 0.012
        height = bumps * np.sqrt(np.clip(1 - across**2, 0, 1)) * 2
        band = (np.abs(across) < 1) & (y > row - height) & (y < row + 0.25 * height + 0.004)
        inner = (y - row + height) / 0.012
        block.carve(band, inner, across * 3, np.where(inner < 0.5, 0.9, 0.25))


def _cut_mountain(block: _Block) -> None:
    rng, x, y = block.rng, block.x, block.y
    apex = rng.uniform(0.34, 0.42), 0.27
    off = x - apex[0]
    crags = 0.008 * np.sin(60 * off) * smoothstep(0, 0.1, np.abs(off))
    slope = 0.42 * np.abs(off) ** 0.72 - 0.018 + crags
    below = y - apex[1] - np.maximum(slope, 0.012 * np.abs(np.sin(40 * off)))
    fan = off / (y - apex[1] + 0.10)
    snow = 0.115 + 0.06 * np.sin(28 * fan) + 0.02 * block.hand
    shade = smoothstep(-0.1, 0.25, fan + 0.10 * np.sin(17 * fan + 9 * y))
    tone = np.where(y - apex[1] < snow, 0.03 + 0.32 * shade, 0.32 + 0.50 * shade)
    block.carve(below > 0, fan * 34, y * 13, np.where(below < 0.005, 1.0, tone))
    block.blue[(below > 0) & (y - apex[1] > snow)] = 0.55
    for level, lean in ((0.52, 0.5), (0.57, -0.7)):
        ridge = level + 0.018 * np.sin(9 * x + rng.uniform(0, 6)) + 0.008 * np.abs(np.sin(31 * x + lean))
        hill = y > ridge
        tone = 0.95 - 0.55 * smoothstep(0.0, 0.07, y - ridge)
        block.carve(hill, (y + lean * 0.35 * x) * 75, x * 14, tone)
        block.red[hill] = 0.9 if lean > 0 else 0


def _cut_sea(block: _Block) -> None:
    rng, x, y = block.rng, block.x, block.y
    for row in range(8):
        if row == 4:
            _cut_boat(block, (rng.uniform(0.55, 0.8), 0.745))
        near = row / 7
        length, height = (0.11 + 0.42 * near) * rng.uniform(0.85, 1.15), 0.010 + 0.085 * near**1.3
        phase = 2 * np.pi * (x / length + rng.uniform())
        phase = phase + 0.9 * np.sin(phase)  # steep on one side
        crest = 0.5 + 0.5 * np.cos(phase + 0.4 * np.sin(0.31 * phase))
        top = 0.615 + 0.36 * near**1.25 - height * (crest**1.5 - 0.35)
        depth = y - top
        spacing = 0.008 + 0.008 * near
        fingers = 0.35 + 0.65 * np.abs(np.sin(4.5 * phase + 2 * block.hand)) ** 0.7
        foam = height * (0.10 + 0.55 * crest**2) * fingers
        line = depth / spacing + 0.35 * np.sin(phase)
        tone = 0.95 - 0.6 * smoothstep(1, 9, line) * crest - 0.25 * smoothstep(0, 6, line)
        tone = np.where(depth < foam, 0.05, tone)
        outline = (depth < 0.16 * spacing) | (np.abs(depth - foam) < 0.14 * spacing)
        wave = depth > 0
        block.carve(wave, line, phase * 1.6, tone)
        block.ink[wave & outline] = 1
        block.blue[wave & (depth > foam)] = 1


def _cut_boat(block: _Block, keel: tuple[float, float]) -> None:
    dx, up = block.x - keel[0], keel[1] - block.y
    sail = (up > 0.03) & (up < 0.19) & (dx < 0.075 * (0.19 - up) / 0.16 * (1 + 4 * up)) & (dx > 0)
    jib = (up > 0.035) & (up < 0.16) & (dx > -0.055 * (0.16 - up) / 0.125) & (dx < -0.006)
    block.carve(sail | jib, up * 62 + 3 * dx, dx * 10, np.full_like(dx, 0.24))
    block.red[sail | jib] = 1
    block.ink[(np.abs(dx + 0.003) < 0.003) & (up > 0) & (up < 0.2)] = 1
    hull = (up > -0.02) & (up < 0.026 + 2 * dx**2) & (np.abs(dx) < 0.085 + 0.8 * up)
    block.ink[hull] = 1
    block.ink[hull & (np.abs(up - 0.012 - 2 * dx**2) < 0.002)] = 0


def _cut_pine(block: _Block) -> None:
    rng, x, y = block.rng, block.x, block.y
    bend = 0.06 + 0.05 * np.sin(7.5 * y + 0.6) + 0.10 * (1 - y)
    trunk = np.abs(x - bend) < 0.012 + 0.03 * y**2
    trunk &= y > 0.16
    bark = (x - bend) * 130 + 1.2 * np.sin(31 * y) + 8 * y
    block.carve(trunk, bark, y * 22, np.clip(0.80 - 9 * (bend - x), 0.5, 1))
    for column, row, wide in PADS:
        dx = x - column - rng.uniform(-0.02, 0.02)
        dy = (y - row) * 2.1
        turn = np.arctan2(dy - 0.4 * wide, dx)
        radius = np.hypot(dx, dy)
        rim = wide * (0.86 + 0.14 * np.abs(np.sin(turn * 6 + column * 9)))
        tone = 0.95 - 0.62 * smoothstep(0.35, 1.0, radius / rim) * (dy < 0.2 * wide)
        block.carve(radius < rim, turn * 15, radius * 24, tone)


def _print(block: _Block) -> Field:
    """Return the paper with the blocks printed on it, none of them quite evenly or quite in place."""
    rng, side = block.rng, block.side
    fibre = stretched_noise(rng, side, 0.04, 0.004) + smooth_noise(rng, side, 0.005, 2)
    grain = stretched_noise(rng, side, 0.5, 0.006) + 0.7 * stretched_noise(rng, side, 0.15, 0.003)
    blot = smooth_noise(rng, side, 0.08, 4)
    picture = PAPER * (1 + 0.018 * fibre + 0.015 * blot)[..., None]
    for plate, tint, shift in ((block.blue, BLUE, (3, -2)), (block.red, RED, (-2, 3))):
        placed = np.roll(plate, [round(step * side / 1024) for step in shift], (0, 1))
        cover = placed * np.clip(0.80 + 0.10 * grain + 0.08 * blot, 0, 1)
        picture = mix(picture, picture * tint * 1.06, cover)
    speckle = smoothstep(2.35, 2.05, 0.8 * grain + smooth_noise(rng, side, 0.004, 2))
    cover = block.ink * np.clip(0.92 + 0.06 * blot, 0, 1) * (0.35 + 0.65 * speckle)
    return mix(picture, INK * (1 + 0.25 * np.clip(blot, 0, 2))[..., None], cover)
