"""How far around a tile a part of a network looks."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .feature_maps import MapKind

_LARGEST = 512


def margin_of(
    run: Callable[..., tuple[Tensor, ...]], inputs: Sequence[MapKind], outputs: Sequence[MapKind]
) -> int:
    """Return how many cells around a tile its result depends on, also by the padding of layers.

    It is not derived but tried, whatever the layers are: a map whose outermost positions are not numbers
    comes out with no numbers wherever those were seen. What sees the padding sees them too.

    Raises:
        ValueError: If it depends on everything.
    """
    cells = 8
    while cells <= _LARGEST:
        maps = [_without_numbers_around(kind, cells) for kind in inputs]
        with torch.inference_mode():
            results = run(*maps)
        margins = [_reached(result, kind) for result, kind in zip(results, outputs, strict=True)]
        if all(margin < cells // 2 for margin in margins):
            return max(margins)
        cells *= 2
    raise ValueError("a layer between two normalisations sees the whole picture; it cannot work on tiles")


def _without_numbers_around(kind: MapKind, cells: int) -> Tensor:
    side = cells * kind.per_cell
    features = torch.full((1, kind.channels, side, side), torch.nan)
    features[..., 1:-1, 1:-1] = 0
    return features.to(memory_format=torch.channels_last)


def _reached(result: Tensor, kind: MapKind) -> int:
    """Return the largest number of cells from a border to what is a number."""
    clean = ~result.isnan().any(1)[0]
    distances = []
    for line in (clean.any(0), clean.any(1)):
        positions = line.nonzero().flatten()
        if len(positions) == 0:
            return len(line)
        distances += [int(positions[0]), len(line) - 1 - int(positions[-1])]
    return -(-max(distances) // kind.per_cell)
