"""How a camera was held: pictures turned and mirrored as the clip says."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type

from allaprima.images.pixels import Pixels


@dataclass(frozen=True)
class Turn:
    """A turn by quarters, with or without a mirror: rows for columns first, then each reversed.

    Attributes:
        transposed: Whether rows become columns.
        leftwards: Whether left and right change places, afterwards.
        upwards: Whether top and bottom do.
    """

    transposed: bool = False
    leftwards: bool = False
    upwards: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """Return the turn that sets a frame upright, by its display matrix, to the next quarter.

        The matrix maps x and y of the stored picture to a x + c y and b x + d y (libavutil's `display.h`).
        """
        side_data: Any = frame.side_data
        matrix = side_data.get(Type.DISPLAYMATRIX)
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(int)
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, bool(a < 0), bool(d < 0))
        return cls(True, bool(c < 0), bool(b < 0))

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width after the turn, or, of an upright picture, before it."""
        return (width, height) if self.transposed else (height, width)

    def __call__(self, rgb: Pixels) -> Pixels:
        """Return a picture, `(H, W, 3)`, turned."""
        turned = rgb.swapaxes(0, 1) if self.transposed else rgb
        turned = turned[:, ::-1] if self.leftwards else turned
        return np.ascontiguousarray(turned[::-1] if self.upwards else turned)
