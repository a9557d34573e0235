"""Pictures into GIF and animated WebP."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from av import Packet, VideoFormat, VideoFrame, VideoStream
from av.container import OutputContainer
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingLeft
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from allaprima.atomic import write_whole
from allaprima.images.pixels import Pixels
from allaprima.images.video.frame_to_rgb import EXACTLY

from .encoders import Format

_CENTISECOND, _MILLISECOND = Fraction(1, 100), Fraction(1, 1000)


class GifEncoder:
    """Encodes GIF, each frame with the 256 colours that suit it, dithered.

    Args:
        container: What the stream is added to.
        format: Size and time.
    """

    def __init__(self, container: OutputContainer, format: Format) -> None:
        self._clock = _Clock(format.time_base, _CENTISECOND)
        self._stream = _added(container, "gif", format, "pal8", _CENTISECOND)
        self._resize = _Resize(format, "rgb24")
        self._graph = _palette_graph(format)
        self._durations: dict[int, int] = {}

    def encode(self, picture: Pixels, pts: int, duration: int) -> "list[Packet[Any]]":
        """Return the packets that a picture completes."""
        frame = self._resize(picture)
        frame.pts, lasting = self._clock(pts, duration)
        frame.time_base = _CENTISECOND
        self._durations[frame.pts] = lasting
        self._graph.push(frame)
        return self._packets()

    def flush(self) -> "list[Packet[Any]]":
        """Return what is left at the end."""
        self._graph.push(None)
        return [*self._packets(), *self._timed(self._stream.encode(None))]

    def _packets(self) -> "list[Packet[Any]]":
        packets: list[Packet[Any]] = []
        while True:
            try:
                frame = self._graph.pull()
            except (NothingYet, NothingLeft):
                return packets
            assert isinstance(frame, VideoFrame)
            packets += self._timed(self._stream.encode(frame))

    def _timed(self, packets: "list[Packet[Any]]") -> "Iterator[Packet[Any]]":
        """Yield packets with their durations, which the encoder drops; that of the last frame counts."""
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts or 0, 1)
            yield packet


class WebpEncoder:
    """Encodes animated WebP; all packets come at the end.

    Args:
        container: What the stream is added to.
        format: Size and time.
        options: Of FFmpeg's encoder.
    """

    def __init__(self, container: OutputContainer, format: Format, options: dict[str, str]) -> None:
        self._clock = _Clock(format.time_base, _MILLISECOND)
        self._stream = _added(container, "libwebp_anim", format, "bgra", _MILLISECOND)
        self._stream.options.update(options)
        self._resize = _Resize(format, "bgra")
        self.total = 0
        """Milliseconds of all frames."""

    def encode(self, picture: Pixels, pts: int, duration: int) -> "list[Packet[Any]]":
        """Return nothing: WebP's encoder looks at all frames."""
        frame = self._resize(picture)
        frame.pts, lasting = self._clock(pts, duration)
        frame.time_base = _MILLISECOND
        self.total += lasting
        return self._stream.encode(frame)

    def flush(self) -> "list[Packet[Any]]":
        """Return the animation."""
        return self._stream.encode(None)


def correct_last_duration(path: Path, total: int) -> None:
    """Make an animated WebP file last so many milliseconds; FFmpeg guesses the last frame's share."""
    content = bytearray(path.read_bytes())
    frames = [start for name, start in _chunks(content) if name == b"ANMF"]
    if not frames:
        return
    times = [int.from_bytes(content[at + 12 : at + 15], "little") for at in frames]
    last = max(1, times[-1] + total - sum(times))
    content[frames[-1] + 12 : frames[-1] + 15] = last.to_bytes(3, "little")
    write_whole(path, memoryview(content))


def _chunks(content: bytearray) -> Iterator[tuple[bytes, int]]:
    """Yield the name of each chunk of a RIFF file and where its payload starts."""
    at = 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        yield bytes(content[at : at + 4]), at + 8
        at += 8 + size + size % 2


class _Clock:
    """Converts times to a coarser unit, rising all the same."""

    def __init__(self, time_base: Fraction, unit: Fraction) -> None:
        self._factor = time_base / unit
        self._next = 0

    def __call__(self, pts: int, duration: int) -> tuple[int, int]:
        shown = max(round(pts * self._factor), self._next)
        self._next = shown + 1
        return shown, max(1, round((pts + duration) * self._factor) - shown)


class _Resize:
    """Makes pictures into frames of one size and format."""

    def __init__(self, format: Format, pixel_format: str) -> None:
        self._format, self._pixel_format = format, pixel_format
        self._reformatter = VideoReformatter()

    def __call__(self, picture: Pixels) -> VideoFrame:
        frame = VideoFrame.from_numpy_buffer(picture)
        size = (self._format.width, self._format.height)
        return self._reformatter.reformat(frame, *size, self._pixel_format, interpolation=EXACTLY, threads=1)


def _added(
    container: OutputContainer, encoder: str, format: Format, pixel_format: str, unit: Fraction
) -> VideoStream:
    stream = container.add_stream(encoder, rate=format.rate)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = format.width, format.height, pixel_format
    stream.codec_context.time_base = stream.time_base = unit
    return stream


def _palette_graph(format: Format) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=format.width, height=format.height, format=VideoFormat("rgb24"), time_base=_CENTISECOND
    )
    both = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    sink = graph.add("buffersink")
    source.link_to(both)
    both.link_to(palette, 0, 0)
    both.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
