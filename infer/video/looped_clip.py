"""A clip over and over again, at any size: what long runs are measured with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from allaprima.images.video import Item, Packets, Repeat, Wanted, open_clip
from allaprima.images.video.protocol import Losses


@dataclass
class _Times:
    """When what came of a clip so far begins and ends, in seconds."""

    begin: Fraction | None = None
    end: Fraction = Fraction(0)

    def note(self, begin: Fraction, end: Fraction) -> None:
        self.begin = begin if self.begin is None else min(begin, self.begin)
        self.end = max(end, self.end)


class Looping:
    """A clip that is shown again until so many seconds are full, sound included.

    Args:
        path: The clip.
        size: Height and width of its pictures.
        seconds: How long it lasts, at least.
    """

    def __init__(self, path: Path, size: tuple[int, int], seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._first = open_clip(path)
        height, width = size
        self.info = replace(self._first.info, height=height, width=width, seconds=seconds, frames=None)
        self.beside, self.losses = self._first.beside, Losses()

    def close(self) -> None:
        """Close the file."""
        self._first.close()

    def items(self, wanted: Wanted) -> Iterator[Item]:
        """Yield what the clip holds, again and again, each time later."""
        start = Fraction(0)
        while start < self._seconds:
            clip, times = open_clip(self._path), _Times()
            for item in clip.items(wanted):
                yield self._later(item, start, times)
            clip.close()
            start += times.end - (times.begin or 0)

    def _later(self, item: Item, start: Fraction, times: _Times) -> Item:
        if isinstance(item, Packets):
            for packet in item.packets:
                _delay(packet, start, times)
            return item
        unit = self.info.time_base
        times.note(item.pts * unit, (item.pts + item.duration) * unit)
        pts = item.pts + round(start / unit)
        return Repeat(pts, item.duration) if isinstance(item, Repeat) else replace(item, pts=pts)


def _delay(packet: Any, start: Fraction, times: _Times) -> None:
    unit = packet.time_base
    times.note(packet.dts * unit, (packet.pts + (packet.duration or 0)) * unit)
    ticks = round(start / unit)
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
