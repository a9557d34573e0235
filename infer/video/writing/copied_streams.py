"""Streams besides the pictures: copied as they are, or re-encoded where the container demands it."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import av
from av import AudioStream, Packet
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from allaprima.images.video.protocol import Beside

from .sound import EncodedSound, SoundFormat, is_unnamed, named_layout

_log = logging.getLogger(__name__)

# FFmpeg's muxer of transport streams does not say what it holds. By FFmpeg's names of codecs.
_TRANSPORT_STREAM = {"aac", "ac3", "dts", "eac3", "mp2", "mp3", "opus"}
_ENCODERS = {**dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".ts"), "aac"), ".webm": "libopus"}
"""Of sound that a container does not hold."""
_TEXT = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".webm": "webvtt", ".mkv": "srt"}
_TEXT_CODECS = {"ass", "ssa", "mov_text", "srt", "subrip", "text", "webvtt"}
# Left by the program that wrote the clip, and wrong for the new one.
_STALE = ("encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "vendor_id")


class Route(Protocol):
    """Where the packets of a stream go."""

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """Yield what is to be written for a packet."""
        ...

    def rest(self) -> "Iterator[Packet[Any]]":
        """Yield what is left at the end."""
        ...


class Carried:
    """The streams of a clip that go into a container besides the pictures.

    Says, in a line each, what is re-encoded and what is left out.

    Args:
        container: What they go into.
        target: Its file.
        beside: What the clip has.
    """

    def __init__(self, container: OutputContainer, target: Path, beside: Beside) -> None:
        self._container, self._suffix = container, target.suffix.lower()
        self._chapters = bool(beside.chapters)
        self._routes: dict[int, Route] = {}
        for stream in beside.streams:
            route = self._route(stream)
            if route is not None:
                self._routes[stream.index] = route

    @property
    def indices(self) -> list[int]:
        """Which streams of the clip are carried."""
        return list(self._routes)

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """Yield what is to be written for a packet of the clip."""
        yield from self._routes[packet.stream_index].packets(packet)

    def rest(self) -> "Iterator[Packet[Any]]":
        """Yield what is left at the end."""
        for route in self._routes.values():
            yield from route.rest()

    def _route(self, stream: "Stream") -> Route | None:
        name = f"{stream.type} stream {stream.index}"
        codec = stream.codec_context.name if stream.codec_context else stream.name
        if stream.type == "attachment" and self._suffix == ".mkv":
            _tagged(self._container.add_stream_from_template(stream), stream)
            return None  # it is whole in the header
        if self._holds(stream):
            copy = _tagged(self._container.add_stream_from_template(stream), stream)
            return _Copy(copy, None if self._suffix == ".ts" else _unwrapping(stream))
        if encoded := self._encoded(stream):
            encoder = _tagged(encoded.stream, stream).codec_context.name
            _log.info(
                "%s: %s re-encoded as %s, since %s does not hold it", name, codec, encoder, self._suffix
            )
            return encoded
        if codec == "bin_data" and self._chapters:
            return None  # their titles, which are carried as chapters
        unheld = f"{self._suffix} does not hold {codec or 'its kind'}"
        _log.info("%s is left out: %s", name, "one is painted" if stream.type == "video" else unheld)
        return None

    def _holds(self, stream: "Stream") -> bool:
        if not isinstance(stream, AudioStream | SubtitleStream) or not stream.codec_context:
            return False
        if self._suffix == ".ts":
            listed = stream.codec_context.codec.canonical_name in _TRANSPORT_STREAM
        else:
            listed = stream.codec_context.name in self._container.supported_codecs
        return listed and (isinstance(stream, SubtitleStream) or self._takes(stream))

    def _takes(self, stream: AudioStream) -> bool:
        """Return whether the container writes a header with a stream; some list what they then refuse."""
        try:
            with av.open(BytesIO(), "w", format=self._container.format.name) as trial:
                _Copy(trial.add_stream_from_template(stream), None)
                trial.start_encoding()
        except FFmpegError:
            return False
        return True

    def _encoded(self, stream: "Stream") -> "EncodedSound | _Text | None":
        """Return what makes of a stream something that the container holds, or None if there is nothing."""
        encoder = _ENCODERS.get(self._suffix)
        if isinstance(stream, AudioStream) and stream.codec_context and encoder:
            format = SoundFormat.nearest(encoder, stream)
            return EncodedSound(self._container, format, stream) if format else None
        text = _TEXT.get(self._suffix)
        if isinstance(stream, SubtitleStream) and stream.codec_context.name in _TEXT_CODECS and text:
            return _Text(self._container, text, stream)
        return None


def _unwrapping(stream: "Stream") -> BitStreamFilterContext | None:
    """Return what takes off the headers that AAC has in transport streams, where it has them.

    FFmpeg's MP4 muxer does so by itself, but not where it writes its index later (`delay_moov`).
    """
    wrapped = stream.codec_context.name == "aac" and not stream.codec_context.extradata
    return BitStreamFilterContext("aac_adtstoasc", in_stream=stream) if wrapped else None


class _Copy:
    def __init__(self, stream: Any, unwrapping: BitStreamFilterContext | None) -> None:
        self._stream, self._unwrapping = stream, unwrapping
        if isinstance(stream, AudioStream) and is_unnamed(stream.layout):
            stream.codec_context.layout = named_layout(stream.layout)

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        for bare in self._unwrapping.filter(packet) if self._unwrapping else [packet]:
            bare.stream = self._stream
            yield bare

    def rest(self) -> "Iterator[Packet[Any]]":
        yield from ()


class _Text:
    def __init__(self, container: OutputContainer, encoder: str, source: SubtitleStream) -> None:
        self._source = source
        self.stream: Any = container.add_stream(encoder)
        context: Any = self.stream.codec_context
        context.time_base = Fraction(1, 1000)
        text: Any = source.codec_context
        text.open(strict=False)
        context.subtitle_header = text.subtitle_header

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        shown = self._source.codec_context.decode2(packet)
        if shown is None or not len(shown):  # MP4 has empty packets between its subtitles
            return
        text = self.stream.codec_context.encode_subtitle(shown)
        text.pts = text.dts = packet.pts
        text.duration, text.time_base, text.stream = packet.duration, packet.time_base, self.stream
        yield text

    def rest(self) -> "Iterator[Packet[Any]]":
        yield from ()


def kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Return metadata without what describes the file and not the film."""
    brands = ("major_brand", "minor_version", "compatible_brands")
    return {
        name: value
        for name, value in metadata.items()
        if name not in brands and not name.lower().startswith(_STALE)
    }


def _tagged(stream: Any, source: "Stream") -> Any:
    stream.metadata.update(kept_metadata(source.metadata))
    stream.disposition = source.disposition & ~Disposition.attached_pic
    return stream
