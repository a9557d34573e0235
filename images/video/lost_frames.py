"""Which frames were lost, told by the timestamps of the packets that should have given them."""

import heapq


class Gaps:
    """Keeps the timestamps of packets until their frames come.

    Not every packet gives a frame (codecs have hidden ones), so what never came counts as lost only if
    the decoder met an error in between, or at the end, where decoders with several threads keep their last
    error to themselves.
    """

    def __init__(self) -> None:
        self._due: list[int] = []
        self._last: int | None = None
        self._errors = 0

    def expect(self, pts: int | None) -> None:
        """Note the timestamp of a packet that went to the decoder."""
        if pts is not None:
            heapq.heappush(self._due, pts)

    def note_error(self) -> None:
        """Note that the decoder met an error, or gave a frame that is damaged."""
        self._errors += 1

    def before(self, pts: int | None) -> list[int]:
        """Return the timestamps of the frames lost before one that came, or, with None, before the end."""
        lost = []
        while self._due and (pts is None or self._due[0] < pts):
            due = heapq.heappop(self._due)
            if self._last is None or due > self._last:
                lost.append(due)
        while self._due and self._due[0] == pts:
            heapq.heappop(self._due)
        errors, self._errors = self._errors, 0
        self._last = pts
        return sorted(set(lost)) if errors or pts is None else []
