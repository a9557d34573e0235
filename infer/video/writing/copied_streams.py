"""Streams besides the pictures: copied as they are, or re-encoded where the container demands it."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from av import AudioResampler, AudioStream, Packet
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from allaprima.images.video.protocol import Beside

_log = logging.getLogger(__name__)

_SOUND = {".webm": "libopus"}
_TEXT = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".webm": "webvtt", ".mkv": "srt"}
_TEXT_CODECS = {"ass", "ssa", "mov_text", "srt", "subrip", "text", "webvtt"}
# FFmpeg's MPEG-TS muxer does not say what it holds.
_TRANSPORT_STREAM = {"aac", "mp2", "mp3", "mp3float", "mp2float", "ac3", "eac3", "opus", "dca"}
_SILENT = {".gif", ".webp"}
_OPUS_RATE = 48_000
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
        self._held = _TRANSPORT_STREAM if self._suffix == ".ts" else container.supported_codecs
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
        if codec in self._held and isinstance(stream, AudioStream | SubtitleStream):
            copy = _tagged(self._container.add_stream_from_template(stream), stream)
            return _Copy(copy, None if self._suffix == ".ts" else _unwrapping(stream))
        if isinstance(stream, AudioStream) and self._suffix not in _SILENT:
            encoder = _SOUND.get(self._suffix, "aac")
            _log.info(
                "%s: %s re-encoded as %s, since %s does not hold it", name, codec, encoder, self._suffix
            )
            return _Sound(self._container, encoder, stream)
        text = _TEXT.get(self._suffix)
        if isinstance(stream, SubtitleStream) and codec in _TEXT_CODECS and text:
            _log.info("%s: %s re-encoded as %s, since %s does not hold it", name, codec, text, self._suffix)
            return _Text(self._container, text, stream)
        if codec == "bin_data" and self._chapters:
            return None  # their titles, which are carried as chapters
        unheld = f"{self._suffix} does not hold {codec or 'its kind'}"
        _log.info("%s is left out: %s", name, "one is painted" if stream.type == "video" else unheld)
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

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        for bare in self._unwrapping.filter(packet) if self._unwrapping else [packet]:
            bare.stream = self._stream
            yield bare

    def rest(self) -> "Iterator[Packet[Any]]":
        yield from ()


class _Sound:
    def __init__(self, container: OutputContainer, encoder: str, source: AudioStream) -> None:
        self._source = source
        rate = _OPUS_RATE if encoder == "libopus" else source.codec_context.sample_rate
        self._stream: Any = container.add_stream(encoder, rate=rate, layout=source.codec_context.layout)
        context: Any = self._stream.codec_context
        self._resampler = AudioResampler(context.format, context.layout, rate)
        _tagged(self._stream, source)

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        try:
            frames = self._source.codec_context.decode(packet)
        except FFmpegError as error:  # a player would leave it out too
            _log.debug("damaged sound: %s", error)
            return
        for frame in frames:
            for resampled in self._resampler.resample(frame):
                yield from self._stream.encode(resampled)

    def rest(self) -> "Iterator[Packet[Any]]":
        for frame in self._source.codec_context.decode(None):
            for resampled in self._resampler.resample(frame):
                yield from self._stream.encode(resampled)
        for resampled in self._resampler.resample(None):
            yield from self._stream.encode(resampled)
        yield from self._stream.encode(None)


class _Text:
    def __init__(self, container: OutputContainer, encoder: str, source: SubtitleStream) -> None:
        self._source = source
        self._stream: Any = container.add_stream(encoder)
        context: Any = self._stream.codec_context
        context.time_base = Fraction(1, 1000)
        text: Any = source.codec_context
        text.open(strict=False)
        context.subtitle_header = text.subtitle_header
        _tagged(self._stream, source)

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        shown = self._source.codec_context.decode2(packet)
        if shown is None or not len(shown):  # MP4 has empty packets between its subtitles
            return
        text = self._stream.codec_context.encode_subtitle(shown)
        text.pts = text.dts = packet.pts
        text.duration, text.time_base, text.stream = packet.duration, packet.time_base, self._stream
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
