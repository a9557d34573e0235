"""Packets of pictures into what is shown when: timestamps rise, and what was lost is made good."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av import Packet, VideoFrame, VideoStream
from av.error import FFmpegError

from .lost_frames import Gaps

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame, when and for how long it is shown, and whether it stands in for one that was damaged."""

    frame: VideoFrame
    pts: int
    duration: int
    instead: bool = False


class Decoder:
    """Decodes a stream of pictures; in place of damaged frames the one before, or the first, is shown.

    Args:
        stream: The stream.
        rate: Frames per second, for frames that do not say how long they last.
    """

    def __init__(self, stream: VideoStream, rate: Fraction) -> None:
        self._context = stream.codec_context
        if not self._context.is_open:
            self._context.thread_type = "AUTO"
        assert stream.time_base is not None
        self._lasting = max(1, round(1 / rate / stream.time_base))
        self._gaps = Gaps()
        self._latest: Shown | None = None

    def decode(self, packet: "Packet[Any] | None") -> Iterator[Shown]:
        """Yield what a packet completes, or, with None, what is left at the end."""
        if packet is not None:
            self._gaps.expect(packet.pts)
        for frame in self._frames(packet):
            if frame.is_corrupt:
                self._gaps.note_error()
                continue
            shown = Shown(frame, self._rising(frame.pts), frame.duration or self._lasting)
            yield from self._instead(self._gaps.before(shown.pts), shown.pts, self._latest or shown)
            self._latest = shown
            yield shown
        if packet is None and self._latest:
            lost = self._gaps.before(None)
            yield from self._instead(lost, max(lost, default=0) + self._lasting, self._latest)

    def _frames(self, packet: "Packet[Any] | None") -> list[VideoFrame]:
        try:
            return self._context.decode(packet)
        except FFmpegError as error:
            _log.debug("damaged: %s", error)
            self._gaps.note_error()
            return []

    def _rising(self, pts: int | None) -> int:
        """Return a timestamp that follows the last one, as encoders need it, whatever the file says."""
        if self._latest is None:
            return pts or 0
        last = self._latest.pts
        return last + self._lasting if pts is None else max(pts, last + 1)

    @staticmethod
    def _instead(times: list[int], end: int, shown: Shown) -> Iterator[Shown]:
        for pts, upto in pairwise([*times, end] if times else []):
            yield Shown(shown.frame, pts, upto - pts, instead=True)
