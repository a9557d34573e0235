"""Clips that FFmpeg reads."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from av import Packet, VideoFrame
from av.error import FFmpegError

from .chroma_siting import is_left_sited
from .container import describe, first_frame, open_container, open_with_hardware, pictures_of
from .decoder import Decoder, Shown
from .frame_to_rgb import RgbReader
from .protocol import Beside, ClipInfo, Frame, Item, Losses, Packets, Repeat, Wanted
from .rotation import Turn
from .time_range import Section, Window

_log = logging.getLogger(__name__)

# Packets of other streams that are handed on at once where no frame comes in between.
_PACKETS_AT_ONCE = 64
# How far, in seconds, sound may lag behind the pictures in a file.
_INTERLEAVED_WITHIN = 5
_MICROSECOND = Fraction(1, 1_000_000)


class VideoFile:
    """A clip in a container that FFmpeg knows.

    Args:
        path: The file.
        section: Which part of it to read.
        hardware: Decode on a device, where one can.

    Raises:
        ClipError: If it has no pictures, or none that can be decoded.
    """

    def __init__(self, path: Path, section: Section, *, hardware: bool = False) -> None:
        first = first_frame(path)
        self._container = open_with_hardware(path) if hardware else open_container(path)
        self._video = pictures_of(self._container, path)
        self.info: ClipInfo = describe(path, self._container, self._video, first)
        self._window = Window(section, Fraction(self._container.start_time or 0) * _MICROSECOND)
        self.beside = Beside(
            streams=[stream for stream in self._container.streams if stream.index != self._video.index],
            metadata=dict(self._container.metadata),
            pictures=dict(self._video.metadata),
            chapters=list(self._window.chapters(self._container.chapters())),
        )
        self.losses = Losses()
        self._stored_size = (first.width, first.height)
        self._turn = Turn.of(first)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def items(self, wanted: Wanted) -> Iterator[Item]:
        """Yield frames and packets, as `Clip` describes."""
        reader, whole = self._reader(wanted.height, wanted.width), None
        if wanted.whole:
            whole = self._reader(self.info.height, self.info.width)
        waiting: list[Packet[Any]] = []
        begun = False
        for item in self._inside(set(wanted.streams)):
            if isinstance(item, Packet):
                waiting.append(item)
                if len(waiting) < _PACKETS_AT_ONCE:
                    continue
            if waiting:
                yield Packets(waiting)
                waiting = []
            if isinstance(item, Shown):
                self._note(item)
                times = (self._window.moved(item.pts, self.info.time_base), item.duration)
                again = item.instead and begun
                yield Repeat(*times) if again else Frame(*_read(item.frame, reader, whole), *times)
                begun = True
        if waiting:
            yield Packets(waiting)

    def _reader(self, height: int, width: int) -> RgbReader:
        return RgbReader(height, width, self._turn, left_sited=is_left_sited(self.info.codec))

    def _inside(self, streams: set[int]) -> "Iterator[Shown | Packet[Any]]":
        """Yield what is inside the section; packets count their time from its start."""
        for item in self._items_of(streams):
            if isinstance(item, Shown):
                if self._window.holds(item.pts * self.info.time_base):
                    yield item
                continue
            if self._window.admits(item):
                yield item

    def _items_of(self, streams: set[int]) -> "Iterator[Shown | Packet[Any]]":
        """Yield what the file holds, from a frame at or before the section's start until after its end.

        Containers without an index, MPEG's streams, are sought to where no frame can be decoded for a while.
        """
        items, held = self._items_from_here(streams), []
        for time in self._window.approaches():
            if self._seek(time):
                items = self._items_from_here(streams)
                held = list(_until_first_frame(items))
                if held and self._is_early(held[-1]):
                    break
        yield from held
        yield from items

    def _seek(self, time: Fraction) -> bool:
        """Go to a time of the file's clock; return whether the file can."""
        try:
            self._container.seek(int(time / _MICROSECOND))
        except FFmpegError:
            return False
        return True

    def _is_early(self, item: "Shown | Packet[Any]") -> bool:
        assert self._window.start is not None
        return isinstance(item, Shown) and item.pts * self.info.time_base <= self._window.start

    def _items_from_here(self, streams: set[int]) -> "Iterator[Shown | Packet[Any]]":
        decoder = Decoder(self._video, self.info.rate)
        over = False
        for packet in self._packets(streams):
            if packet.stream_index != self._video.index:
                yield packet
            elif not over:
                for shown in decoder.decode(packet):
                    over = self._window.is_past(shown.pts * self.info.time_base)
                    yield shown
            if over and self._all_is_past(packet, streams):
                return
        yield from decoder.decode(None)

    def _all_is_past(self, packet: "Packet[Any]", streams: set[int]) -> bool:
        sound = any(stream.index in streams for stream in self.beside.streams if stream.type == "audio")
        margin = _INTERLEAVED_WITHIN if sound else 0
        return packet.dts is not None and self._window.is_past(packet.dts * packet.time_base, margin)

    def _packets(self, streams: set[int]) -> "Iterator[Packet[Any]]":
        """Yield packets; note it if the file ends before its end."""
        count = 0
        try:
            for packet in self._container.demux([self._video, *self._among(streams)]):
                if packet.size:  # at the end come empty ones
                    count += packet.stream_index == self._video.index
                    yield packet
        except FFmpegError as error:
            self.losses.cut_short = (error.strerror or str(error)).lower()
            return
        missing = self._window.start is None and self.info.frames is not None and count < self.info.frames
        if missing:
            self.losses.cut_short = f"it holds {count} of its {self.info.frames} frames"

    def _among(self, streams: set[int]) -> list[Any]:
        return [stream for stream in self.beside.streams if stream.index in streams]

    def _note(self, shown: Shown) -> None:
        self.losses.damaged += shown.instead
        size = (shown.frame.width, shown.frame.height)
        if size != self._stored_size:
            if not self.losses.resized:
                _log.warning(
                    "the pictures of '%s' change from %dx%d to %dx%d; those are scaled to the first size",
                    *(self.info.path, *self._stored_size, *size),
                )
            self.losses.resized += 1


def _until_first_frame(items: "Iterator[Shown | Packet[Any]]") -> "Iterator[Shown | Packet[Any]]":
    """Yield items up to the first frame that was decoded."""
    for item in items:
        yield item
        if isinstance(item, Shown) and not item.instead:
            return


def _read(frame: VideoFrame, reader: RgbReader, whole: RgbReader | None) -> tuple[Any, Any]:
    picture = reader(frame)
    if whole is None or whole.makes(picture):
        return picture, whole and picture
    return picture, whole(frame)
