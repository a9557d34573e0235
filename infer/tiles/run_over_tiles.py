"""Parts of a network, each over all tiles of a picture, and the maps that they pass on."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from .feature_maps import Map, MapKind, MirroredMap
from .split_at_norms import Part
from .windows import Window, tiles_of

MakeMap = Callable[[MapKind, int, int], Map]
"""Makes a map of a kind, for so many rows and columns of cells."""


@dataclass(frozen=True)
class Placing:
    """Where a network computes.

    Attributes:
        device: The device.
        dtype: Type of what it computes.
        layout: Of maps.
    """

    device: torch.device
    dtype: torch.dtype
    layout: torch.memory_format


class Passes:
    """One picture's way through the parts of a network; a context that closes the maps.

    Args:
        picture: The picture, with its name among the parts' inputs.
        cell: Pixels along a side of a cell.
        side: Cells along a side of a tile, at most.
        placing: Where the network computes.
        make_map: Makes the maps that parts pass on.
    """

    def __init__(
        self, picture: tuple[str, Map], *, cell: int, side: int, placing: Placing, make_map: MakeMap
    ) -> None:
        self._picture, source = picture
        self._rows, self._columns = -(-source.height // cell), -(-source.width // cell)
        self._whole = Window(0, self._rows, 0, self._columns)
        self._tiles = list(tiles_of(self._whole, side))
        self._placing, self._make_map = placing, make_map
        self._maps: dict[str, Map] = {self._picture: MirroredMap(source)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the maps, but for the picture, which somebody else opened."""
        self._forget(self._maps.keys() - {self._picture})

    def run(self, part: Part, later: Collection[str]) -> Iterator[tuple[Window, Tensor]]:
        """Compute a part, yield each tile with its first output, and forget maps that nothing needs any more.

        Args:
            part: What to compute.
            later: Names of the maps that parts after this one take; of those that it makes they are kept.
        """
        for kind in part.outputs:
            if kind.name in later:
                self._maps[kind.name] = self._make_map(kind, self._rows, self._columns)
        for tile in self._tiles:
            results = self._compute(part, tile)
            for kind, result in zip(part.outputs, results, strict=True):
                if kind.name in later:
                    values = result[0].permute(1, 2, 0).cpu()
                    self._maps[kind.name].write(tile.times(kind.per_cell), values)
            yield tile, results[0]
        self._forget(self._maps.keys() - {self._picture, *later})

    @property
    def tiles(self) -> int:
        """How many tiles the picture has."""
        return len(self._tiles)

    def _compute(self, part: Part, tile: Window) -> list[Tensor]:
        window = tile.expanded(part.margin).within(self._whole)
        inputs = [self._read(kind, window) for kind in part.inputs]
        inner = tile.inside(window)
        return [
            _cut(result, inner.times(kind.per_cell))
            for kind, result in zip(part.outputs, part.run(*inputs), strict=True)
        ]

    def _read(self, kind: MapKind, window: Window) -> Tensor:
        values = self._maps[kind.name].read(window.times(kind.per_cell)).to(self._placing.device)
        features = values.permute(2, 0, 1)[None]
        return features.to(self._placing.dtype, memory_format=self._placing.layout)

    def _forget(self, names: Collection[str]) -> None:
        for name in names:
            self._maps.pop(name).close()


def _cut(features: Tensor, window: Window) -> Tensor:
    return features[:, :, window.top : window.bottom, window.left : window.right]
