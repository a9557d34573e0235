"""What passes from a fast thread to a slower one: only the newest."""

import threading
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class LatestValue(Generic[Thing]):
    """Holds one thing; another one takes its place, and what nobody took is counted."""

    def __init__(self) -> None:
        self._thing: Thing | None = None
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0
        """How many things nobody took before the next one came."""

    @property
    def closed(self) -> bool:
        """Whether nothing more comes."""
        return self._closed

    def put(self, thing: Thing) -> None:
        """Put something in, in the place of what is there."""
        with self._changed:
            self.dropped += self._thing is not None
            self._thing = thing
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Thing | None:
        """Wait for something and take it; None if nothing came in so many seconds, or nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._thing is not None or self._closed, timeout)
            thing, self._thing = self._thing, None
            return thing

    def close(self) -> None:
        """Say that nothing more comes; what is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
