"""Pictures of one colour in maps, which are too large to look at in one piece."""

import torch
from torch import Tensor

from allaprima.infer.network.single_colour import as_levels

from .feature_maps import Map
from .windows import Window

_ROWS = 64


def is_flat(picture: Map) -> bool:
    """Return whether a picture has a single colour; of others hardly more than the first rows are read."""
    first = picture.read(Window(0, 1, 0, 1))
    return all(bool((picture.read(rows) == first).all()) for rows in _strips(picture))


def fill(target: Map, colour: Tensor) -> None:
    """Paint a picture in one colour, RGB in [0, 1], `(3,)`."""
    value = (as_levels(colour) if target.dtype == torch.uint8 else colour).to(target.dtype)
    for rows in _strips(target):
        target.write(rows, value.expand(rows.height, rows.width, 3))


def _strips(picture: Map) -> list[Window]:
    return [
        Window(top, min(top + _ROWS, picture.height), 0, picture.width)
        for top in range(0, picture.height, _ROWS)
    ]
