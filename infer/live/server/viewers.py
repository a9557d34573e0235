"""Who watches: a bounded number, each with the newest picture of its own pace."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from allaprima.infer.live.shared_state.latest_value import LatestValue
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame

MOST_VIEWERS = 8


@dataclass(frozen=True, eq=False)
class Encoded:
    """A picture as JPEG."""

    frame: PaintedFrame
    jpeg: bytes


class TooManyViewersError(Exception):
    """As many watch as may."""


class Viewers:
    """All who watch at the moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: set[LatestValue[Encoded]] = set()
        self._closed = False
        self.slow = 0
        """How many were dropped because they did not take a picture in time."""

    @property
    def count(self) -> int:
        """How many watch."""
        return len(self._slots)

    @contextmanager
    def joined(self, latest: Encoded | None) -> Iterator[LatestValue[Encoded]]:
        """Yield where a new viewer finds its pictures, the latest to begin with.

        Raises:
            TooManyViewersError: If there are as many as may be.
        """
        slot: LatestValue[Encoded] = LatestValue()
        with self._lock:
            if len(self._slots) >= MOST_VIEWERS or self._closed:
                raise TooManyViewersError
            self._slots.add(slot)
        if latest is not None:
            slot.put(latest)
        try:
            yield slot
        finally:
            with self._lock:
                self._slots.discard(slot)

    def show(self, encoded: Encoded) -> None:
        """Hand everybody a picture, without waiting."""
        with self._lock:
            for slot in self._slots:
                slot.put(encoded)

    def close(self) -> None:
        """Send everybody away."""
        with self._lock:
            self._closed = True
            for slot in self._slots:
                slot.close()
