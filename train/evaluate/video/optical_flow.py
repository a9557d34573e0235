"""Where the pixels of a frame are in the next one, and which of them are still to be seen there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from allaprima.images.pixels import Pixels

Flow = NDArray[np.float32]
"""By how many pixels to the right and down each pixel moves, `(H, W, 2)`."""

# Middlebury's format: this number, width and height, then the flow.
_MAGIC = 202021.25
_LARGEST_SIDE = 1 << 14

# Flow forwards and backwards agree (Sundaram et al. 2010, eq. 5; Ruder et al. 2018 use the same).
_RELATIVE, _ABSOLUTE = 0.01, 0.5


@dataclass(frozen=True, eq=False)
class Motion:
    """From a frame to the next one.

    Attributes:
        flow: Of the first frame's pixels.
        visible: Which of them are in the next frame too, `(H, W)`.
    """

    flow: Flow
    visible: NDArray[np.bool_]


class FlowEstimator:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's, with its medium settings."""

    def __init__(self) -> None:
        self._search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, before: Pixels, after: Pixels) -> Motion:
        """Return how the pixels of a frame move to the next one; visible is where there and back agree."""
        one, other = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after))
        forwards = np.asarray(self._search.calc(one, other, None), np.float32)
        backwards = np.asarray(self._search.calc(other, one, None), np.float32)
        returned = warped_back(backwards, forwards)
        apart = ((forwards + returned) ** 2).sum(-1)
        lengths = (forwards**2).sum(-1) + (returned**2).sum(-1)
        agrees = apart < _RELATIVE * lengths + _ABSOLUTE
        return Motion(forwards, agrees & _inside(forwards))


def warped_back(after: NDArray[Any], flow: Flow) -> NDArray[Any]:
    """Return a picture with each pixel taken from where the flow leads, as float32."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        after.astype(np.float32),
        x + flow[..., 0],
        y + flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved)


def read_flow(path: Path) -> Flow:
    """Return the flow of a Middlebury `.flo` file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is none, or is cut short.
    """
    content = path.read_bytes()
    magic = np.frombuffer(content[:4], np.float32)
    if len(content) < 12 or magic[0] != np.float32(_MAGIC):
        raise ValueError(f"'{path}' is not a flow file (.flo)")
    width, height = (int(side) for side in np.frombuffer(content[4:12], np.int32))
    sides_are_right = 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE
    if not sides_are_right or len(content) != 12 + 8 * width * height:
        raise ValueError(f"'{path}' is damaged: {len(content)} bytes for a flow of {width}x{height}")
    return np.frombuffer(content[12:], np.float32).reshape(height, width, 2)


def _inside(flow: Flow) -> NDArray[np.bool_]:
    """Return which pixels do not leave the picture."""
    height, width = flow.shape[:2]
    x, y = np.arange(width) + flow[..., 0], np.arange(height)[:, None] + flow[..., 1]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1), np.bool_)
