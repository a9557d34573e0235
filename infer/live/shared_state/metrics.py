"""How well live video keeps pace: rate, latency and what was dropped."""

import statistics
import threading
from collections import deque
from dataclasses import dataclass
from time import perf_counter

from .painted_frame import PaintedFrame

# Of latencies that the median is taken over: ten seconds of 30 frames.
_REMEMBERED = 300
_RATE_OVER = 2.0
"""Seconds."""


@dataclass(frozen=True)
class Latency:
    """From a frame's arrival to its display, in seconds."""

    median: float
    p95: float


class Metrics:
    """Counts what is painted and displayed; any thread may note, and ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._painted: deque[float] = deque()
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._began = perf_counter()
        self.painted = 0
        """Frames painted since the beginning."""

    def restart(self) -> None:
        """Count from now on."""
        with self._lock:
            self._painted.clear()
            self._latencies.clear()
            self._began, self.painted = perf_counter(), 0

    def note_painted(self) -> None:
        """Count a frame that the network has painted."""
        now = perf_counter()
        with self._lock:
            self.painted += 1
            self._painted.append(now)
            self._forget(now)

    def note_displayed(self, frame: PaintedFrame) -> None:
        """Note that a picture is displayed now; stills say nothing of the latency."""
        if not frame.still:
            with self._lock:
                self._latencies.append(perf_counter() - frame.captured)

    def rate(self) -> float:
        """Return the frames painted in a second, over the last two."""
        now = perf_counter()
        with self._lock:
            self._forget(now)
            return len(self._painted) / max(0.1, min(_RATE_OVER, now - self._began))

    def mean_rate(self) -> float:
        """Return the frames painted in a second since the beginning."""
        return self.painted / (perf_counter() - self._began)

    def latency(self) -> Latency | None:
        """Return the latency of the last 300 displays, or None before the first."""
        with self._lock:
            times = sorted(self._latencies)
        if not times:
            return None
        return Latency(statistics.median(times), times[round(0.95 * (len(times) - 1))])

    def _forget(self, now: float) -> None:
        while self._painted and now - self._painted[0] > _RATE_OVER:
            self._painted.popleft()
