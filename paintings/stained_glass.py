"""A leaded window: a rose of a sun, its rays over hills and a lake, irises in front."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from allaprima.images.pixels import Pixels

from .canvas import Field, colours, coordinates, finish, mix, ramp, smoothstep, working_side
from .cells import Labels, distance_to_edges, jittered_cells
from .noise import blur, smooth_noise, stretched_noise

SUN = colours("ffee9c", "ffd84a", "ff9d1c", "e8401f", "b3122a")
SKY = colours("ffc23c", "f58a2a", "e2414c", "a92a86", "4a2cb4", "1c4fd0", "0b2f96")
FAR_HILLS = colours("6a3fb0", "9a58c8", "4034a0", "b868b8", "5a48c8")
NEAR_HILLS = colours("0f8a5c", "2fae4a", "0a6a68", "86c43a", "128a80")
LAKE = colours("1aa8d0", "58d0dc", "0f74c0", "a8ece0", "ffc860", "1888b0")
LEAVES = colours("0b6a3a", "3fa02c", "a8c82a", "0c5a4a", "62b030")
PETALS = colours("8a30c8", "d048b8", "5440e0", "f070a8", "e02848", "f8a0c0")


def stained_glass(size: int = 512, seed: int = 0) -> Pixels:
    """Paint a leaded window with a rose sun over a lake, hills and flowers.

    Args:
        size: Pixels a side.
        seed: Another one gives another window.

    Returns:
        The picture, `(size, size, 3)`, uint8, sRGB.

    Raises:
        ValueError: If `size` is below 16.
    """
    window = _Window(np.random.default_rng(seed), working_side(size))
    sun = _lay_sky(window)
    _lay_land(window, sun)
    _lay_flowers(window)
    return finish(_lead(window, _glaze(window)), size)


class _Window:
    """Panes laid one over the other; a later one hides what is below it."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        self.rng = rng
        self.side = side
        x, y = coordinates(side)
        self.x: Field = x + 0.005 * smooth_noise(rng, side, 0.15, 2)
        self.y: Field = y + 0.005 * smooth_noise(rng, side, 0.15, 2)
        self.panes: Labels = np.zeros((side, side), np.int64)
        self.parts: Labels = np.zeros((side, side), np.int64)
        self.colours = np.zeros((1, 3), np.float32)

    def lay(self, part: int, where: NDArray[np.bool_], cells: Labels, tints: Field) -> None:
        """Lay panes `cells` of a part of the picture `where` it is; `tints` has a colour a pane."""
        self.panes[where] = cells[where] + len(self.colours)
        self.parts[where] = part
        self.colours = np.concatenate([self.colours, tints])

    def chosen(self, cells: Labels, palette: Field) -> Field:
        """Return a colour of the palette for each pane, each a little different."""
        picked: Field = palette[self.rng.integers(len(palette), size=cells.max() + 1)]
        return picked * self.rng.uniform(0.75, 1.15, (len(picked), 1))


def _lay_sky(window: _Window) -> tuple[float, float]:
    rng = window.rng
    centre = rng.uniform(0.38, 0.62), rng.uniform(0.30, 0.38)
    dx, dy = window.x - centre[0], window.y - centre[1]
    radius, turn = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi)
    cells = jittered_cells(rng, 4.2 * np.log(radius + 0.05), turn * 26, turns=26)
    place = _mean(radius, cells) + rng.normal(0, 0.06, cells.max() + 1)
    sky = ramp(np.linspace(0.17, 0.62, len(SKY)), SKY, place)
    window.lay(0, radius < 2, cells, sky * rng.uniform(0.8, 1.2, (len(sky), 1)))
    for ring, (outer, petals) in enumerate(((0.165, 16), (0.125, 12), (0.08, 8), (0.035, 1))):
        scallop = 1 + 0.09 * np.abs(np.cos(np.pi * petals * turn)) if petals > 1 else 1.0
        cells = np.floor((turn + 0.5) * petals).astype(np.int64) % petals
        tints = SUN[3 - ring] * rng.uniform(0.8, 1.1, (petals, 1))
        tints[1::2] = SUN[4 - ring] * 0.95
        window.lay(1, radius < outer * scallop, cells, tints)
    return centre


def _lay_land(window: _Window, sun: tuple[float, float]) -> None:
    rng, x, y = window.rng, window.x, window.y

    def ridge(level: float, height: float) -> Field:
        waves = np.zeros_like(x)
        for k in (1, 2, 3):
            waves += height / k * np.sin(2 * np.pi * k * (0.7 * x + rng.uniform()))
        return level + waves

    for part, level, height, palette in ((2, 0.55, 0.05, FAR_HILLS), (3, 0.64, 0.025, NEAR_HILLS)):
        top = ridge(level, height)
        cells = jittered_cells(rng, x * 9 + 3 * (y - top), (y - top) * 15)
        window.lay(part, y > top, cells, window.chosen(cells, palette))
    shore = ridge(0.70, 0.010)
    cells = jittered_cells(rng, x * 6.5, (y - shore) * 26 + 0.8 * np.sin(9 * x))
    tints = window.chosen(cells, LAKE)
    gleam = np.abs(_mean(x, cells) - sun[0]) < 0.07
    tints[gleam] = SUN[rng.integers(0, 3, gleam.sum())]
    window.lay(4, y > shore, cells, tints)


def _lay_flowers(window: _Window) -> None:
    rng, x, y = window.rng, window.x, window.y
    for root in np.arange(0, 1.05, 0.07) + rng.uniform(-0.025, 0.025, 15):
        height, lean = rng.uniform(0.16, 0.34), rng.uniform(-0.16, 0.16)
        up = (1.02 - y) / height
        across = x - root - lean * np.clip(up, 0, 1) ** 2
        wide = 0.03 * np.sqrt(np.clip(1 - up, 0, 1)) * (0.6 + 0.8 * np.clip(up, 0, 1))
        cells = np.clip(np.floor(up * height * 11), 0, 4).astype(np.int64)
        window.lay(4, (np.abs(across) < wide) & (up < 1), cells, window.chosen(cells, LEAVES))
    for column in range(7):
        centre = (column + rng.uniform(0.2, 0.8)) / 7, 0.73 + 0.15 * (column % 2) + rng.uniform(0, 0.06)
        dx, dy = x - centre[0], y - centre[1]
        radius, petals = rng.uniform(0.075, 0.1), int(rng.integers(5, 8))
        turn = np.arctan2(dy, dx) / (2 * np.pi) + rng.uniform()
        from_centre = np.hypot(dx, dy)
        pair = PETALS[rng.choice(len(PETALS), 2, replace=False)]
        for share, tint in ((1.0, pair[0]), (0.6, pair[1] * 0.65 + 0.35)):
            turn = turn + 0.5 / petals
            shape = share * radius * (0.7 + 0.3 * np.abs(np.sin(np.pi * petals * turn)))
            cells = np.floor(turn * petals).astype(np.int64) % petals
            tints = tint * rng.uniform(0.75, 1.15, (petals, 1))
            window.lay(5, from_centre < shape, cells, tints)
        window.lay(5, from_centre < 0.2 * radius, np.zeros_like(cells), SUN[1:2])


def _glaze(window: _Window) -> Field:
    """Return the panes as light comes through them: streaked, clouded and hammered."""
    rng, side = window.rng, window.side
    panes = np.unique(window.panes, return_inverse=True)[1].reshape(side, side)
    tints = window.colours[np.unique(window.panes)]
    count = len(tints)
    angle, start = rng.uniform(0, np.pi, count), rng.integers(0, side, (2, count))
    rows, columns = np.mgrid[:side, :side]
    along = columns * np.cos(angle)[panes] + rows * np.sin(angle)[panes] + start[0][panes]
    across = rows * np.cos(angle)[panes] - columns * np.sin(angle)[panes] + start[1][panes]
    across += 0.012 * side * smooth_noise(rng, side, 0.15)
    at = _mirrored(across, side), _mirrored(along, side)
    streak = (stretched_noise(rng, side, 0.4, 0.03) + 0.6 * stretched_noise(rng, side, 0.2, 0.006))[at]
    cloud = smooth_noise(rng, side, 0.06, 3)
    hammered = smooth_noise(rng, side, 0.008, 2)
    relief = hammered - np.roll(hammered, (2, 2), (0, 1))
    slope = rng.normal(0, 1.2, (2, count)) / 0.08
    tilt = slope[0][panes] * (window.x - _mean(window.x, panes)[panes])
    tilt += slope[1][panes] * (window.y - _mean(window.y, panes)[panes])
    light = 1 + 0.10 * streak + 0.12 * cloud + 0.06 * relief + 0.16 * np.tanh(tilt)
    light = np.clip(light, 0.4, 2)[..., None]
    # Glass twice as thick lets through the square of its tint.
    glass: Field = 1.06 * tints.clip(0.02, 0.98)[panes] ** (light**-1.3) * light**0.5
    return glass


def _lead(window: _Window, glass: Field) -> Field:
    """Return the window with its lead: heavier between the parts, lit along its upper edge."""
    rng, side = window.rng, window.side
    unit = side / 1024
    reach = max(int(24 * unit), 4)
    inner = distance_to_edges(window.panes, reach)
    outer = distance_to_edges(window.parts, reach)
    width = unit * (4.4 + 1.0 * np.clip(smooth_noise(rng, side, 0.05, 2), -2, 3))
    beside = np.minimum(inner / width, outer / (1.55 * width))
    rim = 0.62 + 0.38 * smoothstep(1, 3.2, beside)
    glow: Field = np.stack([blur(glass[..., c], 14 * unit) for c in range(3)], -1)
    lit = glass * rim[..., None] + 0.16 * glow**2
    came = np.sqrt(np.clip(1 - beside**2, 0, 1))
    shine = np.roll(came, -2, (0, 1)) - np.roll(came, 2, (0, 1))
    grain = 0.02 * smooth_noise(rng, side, 0.006, 2) + 0.09
    metal = (grain + 0.10 * np.clip(shine, 0, 1) + 0.03 * came)[..., None] * colours("e8f0ff")[0]
    cover = 1 - smoothstep(0.85, 1.1, beside)
    return mix(lit, metal + 0.05 * glow, cover)


def _mirrored(position: NDArray[Any], side: int) -> NDArray[np.intp]:
    """Return pixel indices that turn back at the rim of a texture, so that it has no seam."""
    folded: NDArray[Any] = np.abs((position + side) % (2 * side) - side)
    indices: NDArray[np.intp] = np.minimum(folded, side - 1).astype(np.intp)
    return indices


def _mean(field: Field, cells: Labels) -> NDArray[Any]:
    """Return the mean of a field over each cell."""
    counts = np.bincount(cells.ravel())
    return np.bincount(cells.ravel(), field.ravel()) / np.maximum(counts, 1)
