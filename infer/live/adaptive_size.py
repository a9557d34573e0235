"""The size at which frames are painted, so that a rate is held."""

import math
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import perf_counter

from allaprima.models.network_settings import MINIMUM_SIZE

Size = tuple[int, int]
"""Height and width."""

# A step changes the area by a sixth, which is hardly seen.
_STEPS_TO_HALF = 8
_STEP = 2 ** (-1 / _STEPS_TO_HALF)
_SMALLEST = 0.25
_MULTIPLE = 8

# Shares of the time that a frame has: above the first it is too long, and below the last a larger size is
# tried.
_TOO_LONG, _AIM, _ROOM = 0.95, 0.85, 0.8
_SAMPLES = 6
_LONG_ENOUGH = 0.5
"""Seconds after which two frames are samples enough."""
_STEPS_AT_ONCE = 3
_TRIED_FOR = 5.0
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class AdaptiveSize:
    """Chooses among sizes of one shape, by how long frames take.

    It goes down as soon as half a dozen frames, or two long ones, took too long, at most by three steps, and
    up one step at a time where there is room. A size that proved too large right after it was gone up to is
    tried again later and later.

    Args:
        largest: Height and width that it begins with.
        rate: Frames per second that are to be held; None leaves the size as it is.
        clock: Tells the seconds.
    """

    def __init__(self, largest: Size, rate: float | None, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self.sizes = ladder(largest) if rate else [largest]
        self._allowed = 1 / rate if rate else math.inf
        self._step = 0
        self._took: deque[float] = deque(maxlen=_SAMPLES)
        self._changed = clock()
        self._went_up = False
        self._failed: int | None = None
        self._wait = _FIRST_WAIT

    @property
    def size(self) -> Size:
        """Height and width of the next frame."""
        return self.sizes[self._step]

    def note(self, seconds: float) -> bool:
        """Note how long a frame of this size took; return whether the size is another from now on."""
        self._took.append(seconds)
        if len(self._took) < _SAMPLES and (len(self._took) < 2 or sum(self._took) < _LONG_ENOUGH):
            return False
        used = median(self._took) / self._allowed
        if used > _TOO_LONG and self._step < len(self.sizes) - 1:
            return self._go_down(used)
        return self._step > 0 and self._may_go_up(used) and self._go(-1)

    def _go_down(self, used: float) -> bool:
        if self._went_up and self._clock() - self._changed < _TRIED_FOR:
            again = self._failed == self._step
            self._wait = min(2 * self._wait, _LONGEST_WAIT) if again else 2 * _FIRST_WAIT
            self._failed = self._step
        steps = math.ceil(math.log(_AIM / used) / math.log(_STEP**2))
        return self._go(min(steps, _STEPS_AT_ONCE, len(self.sizes) - 1 - self._step))

    def _may_go_up(self, used: float) -> bool:
        larger, here = self.sizes[self._step - 1], self.size
        expected = used * math.prod(larger) / math.prod(here)
        wait = self._wait if self._failed == self._step - 1 else _FIRST_WAIT
        return expected < _ROOM and self._clock() - self._changed >= wait

    def _go(self, steps: int) -> bool:
        self._step += steps
        self._took.clear()
        self._changed, self._went_up = self._clock(), steps < 0
        return True


def ladder(largest: Size) -> list[Size]:
    """Return sizes from the largest to a quarter of its sides, in small steps, without repetition."""
    smallest = max(_SMALLEST, 4 * MINIMUM_SIZE / min(largest))
    count = max(0, math.floor(_STEPS_TO_HALF * math.log2(1 / smallest)))
    sizes = [largest, *(_scaled(largest, _STEP**step) for step in range(1, count + 1))]
    return [sizes[0], *(size for before, size in pairwise(sizes) if size != before)]


def _scaled(size: Size, scale: float) -> Size:
    height, width = (max(MINIMUM_SIZE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in size)
    return height, width


def largest_size(source: Size, height: int | None) -> Size:
    """Return the size that a source is painted at where time suffices: its own, or of a lesser height."""
    if height is None or height >= source[0]:
        return source
    scale = max(height / source[0], MINIMUM_SIZE / min(source))
    return round(source[0] * scale), round(source[1] * scale)
