"""Scene cuts: where a film shows something else, and what was remembered of it no longer holds."""

from collections import deque
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from allaprima.images.pixels import Pixels

# Measured on seven clips of 1 to 14 seconds: within them frames differ by at most 31.6 levels, and by 4.6
# times what the eight before differ by (a camera turned by hand); at the two cuts in them by 47 and 78
# levels, and 47 and 78 times; frames of different clips by more than 31.7 levels in 95 of 100 pairs.
_LEVELS = 20
_TIMES = 5
_REMEMBERED = 8
_THUMBNAIL = (32, 18)
_SHIFT = 4


class CutDetector:
    """Tells, frame by frame, where a scene ends.

    A frame begins a scene if it differs much from the one before, and much more than the frames before differ
    from one another. Compared are small pictures, moved against each other by up to an eighth of their width
    as they fit best, so that a camera that turns makes no scenes. Takes 0.4 ms a frame.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._differences: deque[float] = deque(maxlen=_REMEMBERED)

    def __call__(self, picture: Pixels) -> bool:
        """Return whether a picture, `(H, W, 3)`, begins a scene; the first one does not."""
        small = _thumbnail(picture)
        last, self._last = self._last, small
        if last is None:
            return False
        difference = _difference(small, last)
        usual = max(1.0, median(self._differences) if self._differences else 0.0)
        if difference < _LEVELS or difference < _TIMES * usual:
            self._differences.append(difference)
            return False
        self._differences.clear()
        return True


def _thumbnail(picture: Pixels) -> NDArray[np.float32]:
    image = Image.fromarray(picture).resize(_THUMBNAIL, Image.Resampling.BOX)
    return np.asarray(image.convert("L"), np.float32)


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the mean difference of two pictures, moved as they fit best."""
    middle = one[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    windows = np.lib.stride_tricks.sliding_window_view(other, middle.shape)
    return float(abs(windows - middle).mean((2, 3)).min())
