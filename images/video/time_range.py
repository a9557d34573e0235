"""Which part of a clip is read."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av import Packet
    from av.container.core import Chapter

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Section:
    """From when to when, in seconds from the clip's beginning.

    Raises:
        ValueError: If it ends before it begins.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None

    def __post_init__(self) -> None:
        """Check the contract above."""
        if self.end is not None and self.end <= self.start:
            raise ValueError(
                f"the section from {float(self.start):g} s to {float(self.end):g} s is empty; it has to end "
                "after its start, both counted from the clip's beginning"
            )


class Window:
    """A section in the timestamps of a file.

    Args:
        section: Which part.
        begin: When the file begins, in seconds of its own clock.
    """

    def __init__(self, section: Section, begin: Fraction) -> None:
        self._begin = begin
        self.start = begin + section.start if section.start else None
        self.end = None if section.end is None else begin + section.end

    def holds(self, seconds: Fraction) -> bool:
        """Return whether a time of the file's clock is inside."""
        return (self.start is None or seconds >= self.start) and not self.is_past(seconds)

    def approaches(self) -> Iterator[Fraction]:
        """Yield from when to read so as not to miss the start: from there, then ever earlier."""
        back = Fraction(0)
        while self.start is not None:
            yield self.start - back
            if self.start - back < self._begin - 1:
                return
            back = 2 * back or Fraction(2)

    def is_past(self, seconds: Fraction, margin: int = 0) -> bool:
        """Return whether a time is after the end, by so many seconds."""
        return self.end is not None and seconds >= self.end + margin

    def moved(self, time: int, time_base: Fraction) -> int:
        """Return a timestamp counted from the section's start; those of a whole clip stay as they are."""
        return time if self.start is None else time - round(self.start / time_base)

    def admits(self, packet: "Packet[Any]") -> bool:
        """Return whether a packet is inside; if so its times count from the section's start from then on.

        A subtitle that is shown already when the section starts is shown from there, and none after its end.
        """
        shown = packet.dts if packet.pts is None else packet.pts
        if shown is None:
            return False
        begin, end = shown, shown + (packet.duration or 0)
        if packet.stream.type == "subtitle" and packet.duration:
            begin, end = self._within(begin, end, packet.time_base)
            inside = begin < end
        else:
            inside = self.holds(shown * packet.time_base)
        if not inside:
            return False
        packet.duration = end - begin
        if packet.pts is not None:
            packet.pts = self.moved(packet.pts + begin - shown, packet.time_base)
        if packet.dts is not None:
            packet.dts = self.moved(packet.dts + begin - shown, packet.time_base)
        return True

    def chapters(self, chapters: "Iterable[Chapter]") -> "Iterator[Chapter]":
        """Yield what of chapters is inside; their times count from the section's start."""
        for chapter in chapters:
            unit = chapter["time_base"]
            if unit is None:
                continue
            begin, end = self._within(chapter["start"], chapter["end"], unit)
            if begin < end or self.holds(chapter["start"] * unit):  # some have no length
                yield {**chapter, "start": self.moved(begin, unit), "end": self.moved(end, unit)}

    def _within(self, begin: int, end: int, time_base: Fraction) -> tuple[int, int]:
        """Return what of a span of time is inside; one that is outside ends where it begins, or before."""
        if self.start is not None:
            begin = max(begin, round(self.start / time_base))
        if self.end is not None:
            end = min(end, round(self.end / time_base))
        return begin, end


def parse_time(text: str) -> Fraction:
    """Return the seconds of `90`, `1:30` or `0:01:30.5`.

    Raises:
        ValueError: If it is no time.
    """
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a time; expected seconds or h:m:s, for example 90, 1:30 or 1:30.5")
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
