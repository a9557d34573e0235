"""A source that is open: its frames as they come, or at their own pace."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter
from typing import Any

import av
import av.error
from av import Packet, VideoFrame, VideoStream
from av.codec.context import Flags
from av.container import InputContainer
from av.error import FFmpegError

from allaprima.images.video import ClipError
from allaprima.images.video.chroma_siting import is_left_sited
from allaprima.images.video.container import pixel_aspect
from allaprima.images.video.rotation import Turn

from .input_address import Place

_log = logging.getLogger(__name__)

_TIMEOUT = 5.0
"""Seconds that a stream may be silent."""
_FIRST_PACKETS = 500
_USUAL_RATE = Fraction(25)


@dataclass(frozen=True, eq=False)
class Captured:
    """A frame, and when it came, by `time.perf_counter`."""

    frame: VideoFrame
    at: float


class Reception:
    """A camera, file or stream that is open and has given a first frame.

    Args:
        place: Which.

    Raises:
        ClipError: If it cannot be opened, has no pictures, or none that can be decoded.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._container = _opened(place)
        self._video = self._pictures()
        self.recorded = place.kind != "camera" and self._container.duration is not None
        """Whether it was made before, so that it has a pace of its own, and an end."""
        self.damaged = 0
        """How many frames could not be decoded."""
        context = self._video.codec_context
        if self.recorded:
            context.thread_type = "AUTO"
        else:  # threads for whole frames hold back as many frames as there are
            context.thread_type = "SLICE"
            context.flags |= Flags.low_delay
        self._packets = self._container.demux(self._video)
        first = self._first()
        self._waiting = [first]
        self.turn = Turn.of(first.frame)
        self.left_sited = is_left_sited(context.name)
        self.pixel_aspect = pixel_aspect(self._video, self.turn)
        self.size = self.turn.size(first.frame.height, first.frame.width)
        self.rate = self._video.average_rate or self._video.guessed_rate or _USUAL_RATE

    def frames(self, stopping: threading.Event) -> Iterator[Captured]:
        """Yield frames until the end, or until told to stop.

        Raises:
            FFmpegError: If the source is lost.
        """
        pace = _Pace(self.rate, stopping) if self.recorded else None
        for captured in self._received():
            if pace is not None:
                pace.wait_for(captured.frame)
                captured = Captured(captured.frame, perf_counter())
            if stopping.is_set():
                return
            yield captured

    def close(self) -> None:
        """Close it."""
        self._container.close()

    def _received(self) -> Iterator[Captured]:
        yield from self._waiting
        self._waiting = []
        for packet in self._packets:
            yield from self._decoded(packet, perf_counter())

    def _decoded(self, packet: "Packet[Any]", at: float) -> Iterator[Captured]:
        try:
            frames = self._video.codec_context.decode(packet if packet.size else None)
        except av.error.EOFError:
            return
        except FFmpegError as error:
            _log.debug("damaged: %s", error)
            self.damaged += 1
            return
        for frame in frames:
            if frame.is_corrupt:
                self.damaged += 1
            else:
                yield Captured(frame, at)

    def _pictures(self) -> VideoStream:
        best = self._container.streams.best("video")
        if not isinstance(best, VideoStream):
            kinds = ", ".join(sorted({stream.type for stream in self._container.streams})) or "nothing"
            self.close()
            raise ClipError(f"input '{self._place.title}' has no pictures; it holds {kinds}")
        return best

    def _first(self) -> Captured:
        try:
            for count, packet in enumerate(self._packets):
                for captured in self._decoded(packet, perf_counter()):
                    return captured
                if count >= _FIRST_PACKETS:
                    break
        except FFmpegError as error:
            raise unreadable(self._place, error) from error
        raise ClipError(f"input '{self._place.title}' has no frames that can be decoded")


class _Pace:
    """Waits until a frame is due, by its timestamp."""

    def __init__(self, rate: Fraction, stopping: threading.Event) -> None:
        self._lasting, self._stopping = 1 / rate, stopping
        self._started = perf_counter()
        self._first: Fraction | None = None
        self._last = Fraction(0)

    def wait_for(self, frame: VideoFrame) -> None:
        """Return when it is time to show a frame, or at once if that is past."""
        if frame.pts is None or frame.time_base is None:
            self._last += self._lasting
        else:
            time = frame.pts * frame.time_base
            self._first = time if self._first is None else self._first
            self._last = time - self._first
        due = self._started + float(self._last) - perf_counter()
        if due > 0:
            self._stopping.wait(due)


def _opened(place: Place) -> InputContainer:
    try:
        return av.open(
            place.address,
            "r",
            format=place.format,
            options=dict(place.options),
            timeout=None if place.kind == "file" else _TIMEOUT,
            metadata_errors="replace",
        )
    except (FFmpegError, ValueError) as error:  # FFmpeg's InvalidDataError is a ValueError
        raise unreadable(place, error) from error


def unreadable(place: Place, error: Exception) -> ClipError:
    """Return the error for a source that FFmpeg cannot open or read."""
    return ClipError(f"input '{place.title}' cannot be read: {reason(error)}")


def reason(error: BaseException) -> str:
    """Return why FFmpeg could not read something."""
    if isinstance(error, av.error.InvalidDataError):
        return "it is no video, or its beginning or end is missing, without which nothing can be read"
    if isinstance(error, av.error.ExitError | TimeoutError):
        return f"nothing came for {_TIMEOUT:g} seconds"
    return (getattr(error, "strerror", None) or str(error)).lower()
