"""What passes from one thread to the next: little at a time, and errors both ways."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Abandoned(Exception):
    """Who takes from a channel has gone; what is put into it would be lost."""


class Channel(Generic[Thing]):
    """A queue from one thread to another that holds a few things and makes the sender wait.

    Args:
        size: How many things it holds.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: deque[Thing] = deque()
        self._changed = threading.Condition()
        self._finished = self._abandoned = False
        self._error: BaseException | None = None

    def put(self, thing: Thing) -> None:
        """Put something in, when there is room.

        Raises:
            Abandoned: If nobody will take it.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._things) < self._size or self._abandoned)
            if self._abandoned:
                raise Abandoned
            self._things.append(thing)
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes, or that an error ended it, which the taker then meets."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Say that nothing more will be taken."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Thing]:
        """Yield what was put in, then raise the sender's error if there was one."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._things) or self._finished)
                if not self._things:
                    break
                thing = self._things.popleft()
                self._changed.notify_all()
            yield thing
        if self._error is not None:
            raise self._error
