"""Where a tile lies, in cells: the blocks of pixels that the lowest resolution has one position for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, its ends excluded.

    Attributes:
        top: First row.
        bottom: Row after the last.
        left: First column.
        right: Column after the last.
    """

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def times(self, factor: int) -> "Window":
        """Return the same rectangle where each position became `factor` times `factor`."""
        return Window(self.top * factor, self.bottom * factor, self.left * factor, self.right * factor)

    def expanded(self, margin: int) -> "Window":
        """Return the rectangle with a margin on each side."""
        return Window(self.top - margin, self.bottom + margin, self.left - margin, self.right + margin)

    def within(self, other: "Window") -> "Window":
        """Return what two rectangles share."""
        return Window(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )

    def inside(self, outer: "Window") -> "Window":
        """Return where this rectangle lies in the coordinates of one around it."""
        return Window(
            self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left
        )


def tiles_of(whole: Window, side: int) -> Iterator[Window]:
    """Yield rectangles of at most `side` a side that cover another one, row by row, all about as large."""
    for top, bottom in _stretches(whole.top, whole.bottom, side):
        for left, right in _stretches(whole.left, whole.right, side):
            yield Window(top, bottom, left, right)


def _stretches(start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    count = -(-(end - start) // longest)
    bounds = [start + (end - start) * index // count for index in range(count + 1)]
    return pairwise(bounds)
