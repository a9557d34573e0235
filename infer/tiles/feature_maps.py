"""Pictures and feature maps that are read and written by windows, in memory or on a disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .windows import Window


@dataclass(frozen=True)
class MapKind:
    """What maps a place of the network has.

    Attributes:
        name: The place.
        channels: Numbers a position.
        per_cell: Positions along a side of a cell.
    """

    name: str
    channels: int
    per_cell: int


class Map(Protocol):
    """A picture or a feature map, `(height, width, channels)`."""

    height: int
    width: int
    channels: int
    dtype: torch.dtype

    def read(self, window: Window) -> Tensor:
        """Return what is in a window, `(height, width, channels)`."""
        ...

    def write(self, window: Window, values: Tensor) -> None:
        """Put values, `(height, width, channels)`, into a window."""
        ...

    def close(self) -> None:
        """Let go of it, and of what it takes on a disk."""
        ...


class MemoryMap:
    """A map in memory.

    Args:
        values: `(height, width, channels)`, not copied.
    """

    def __init__(self, values: Tensor) -> None:
        self.height, self.width, self.channels = values.shape
        self.dtype = values.dtype
        self._values = values

    def read(self, window: Window) -> Tensor:
        """Return what is in a window, as `Map`; it may share memory with the map."""
        return self._values[window.top : window.bottom, window.left : window.right]

    def write(self, window: Window, values: Tensor) -> None:
        """Put values into a window, as `Map`."""
        self._values[window.top : window.bottom, window.left : window.right] = values

    def close(self) -> None:
        """Let go of it."""
        del self._values


class FileMap:
    """A map in a file of its own, which takes no memory of the process.

    Not by mapping the file into memory: what was touched of it would count as the process's own.

    Args:
        path: The file, which must not exist.
        height: Rows.
        width: Columns.
        channels: Numbers a position.
        dtype: Their type.

    Raises:
        OSError: If the file cannot be made, or, while writing, the disk is full.
    """

    def __init__(self, path: Path, height: int, width: int, channels: int, dtype: torch.dtype) -> None:
        self.path, self.height, self.width, self.channels, self.dtype = path, height, width, channels, dtype
        self._position = channels * dtype.itemsize
        self._file = path.open("x+b", buffering=0)

    def read(self, window: Window) -> Tensor:
        """Return what is in a window, as `Map`."""
        values = torch.empty((window.height, window.width, self.channels), dtype=self.dtype)
        for piece, offset in self._pieces(window, values):
            self._file.seek(offset)
            if self._file.readinto(memoryview(cast(Any, piece))) != len(piece):
                raise OSError(f"'{self.path}' is shorter than what was written to it")
        return values

    def write(self, window: Window, values: Tensor) -> None:
        """Put values into a window, as `Map`."""
        for piece, offset in self._pieces(window, values.to(self.dtype).contiguous()):
            self._file.seek(offset)
            rest = memoryview(cast(Any, piece))
            while rest:
                rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _pieces(self, window: Window, values: Tensor) -> list[tuple[NDArray[np.uint8], int]]:
        """Return the memory of what lies side by side in the file, with its place there."""
        whole_rows = window.width == self.width
        rows, length = (1, window.height * window.width) if whole_rows else (window.height, window.width)
        memory = values.view(torch.uint8).numpy().reshape(rows, length * self._position)
        first = (window.top * self.width + window.left) * self._position
        return [(row, first + index * self.width * self._position) for index, row in enumerate(memory)]


class MirroredMap:
    """A picture as the network takes it: mirrored at the right and the bottom as far as anybody reads it.

    Args:
        source: The picture.
    """

    def __init__(self, source: Map) -> None:
        self.height, self.width, self.channels = source.height, source.width, source.channels
        self.dtype, self._source = source.dtype, source

    def read(self, window: Window) -> Tensor:
        """Return what is in a window, as `Map`, which may reach beyond the picture."""
        if window.bottom <= self.height and window.right <= self.width:
            return self._source.read(window)
        rows = _mirrored(window.top, window.bottom, self.height)
        columns = _mirrored(window.left, window.right, self.width)
        top, left = int(rows.min()), int(columns.min())
        there = Window(top, int(rows.max()) + 1, left, int(columns.max()) + 1)
        return self._source.read(there)[rows - top][:, columns - left]

    def write(self, window: Window, values: Tensor) -> None:
        """Put values into a window of the picture."""
        self._source.write(window, values)

    def close(self) -> None:
        """Leave the picture to who opened it."""


def _mirrored(start: int, end: int, length: int) -> Tensor:
    positions = torch.arange(start, end)
    return torch.where(positions < length, positions, 2 * (length - 1) - positions)
