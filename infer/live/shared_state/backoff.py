"""How long to wait before something that failed is tried again."""

_FIRST, _LONGEST = 0.5, 10.0


class Backoff:
    """Pauses in seconds, each twice as long as the one before, up to ten."""

    def __init__(self) -> None:
        self._next = _FIRST

    def next(self) -> float:
        """Return how long to wait this time."""
        pause, self._next = self._next, min(2 * self._next, _LONGEST)
        return pause

    def reset(self) -> None:
        """Begin with the shortest again: it worked."""
        self._next = _FIRST
