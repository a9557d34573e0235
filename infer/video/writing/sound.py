"""Sound that a container does not hold, encoded in what it does."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from av import AudioLayout, AudioResampler, AudioStream, CodecContext, Packet
from av.container import OutputContainer
from av.error import FFmpegError

_log = logging.getLogger(__name__)

_USUAL_RATE = 48_000
"""What every encoder takes."""


@dataclass(frozen=True)
class SoundFormat:
    """What an encoder of sound is opened with.

    Attributes:
        encoder: FFmpeg's name of it.
        layout: FFmpeg's name of the channels.
        rate: Samples per second.
    """

    encoder: str
    layout: str
    rate: int

    @classmethod
    def nearest(cls, encoder: str, source: AudioStream) -> Self | None:
        """Return what an encoder takes that is nearest to a stream, or None if there is nothing.

        Opus knows 5.1 with its further channels at the back, and not at the sides, so another layout of as
        many channels is tried, and two channels at last; AAC has rates of its own.
        """
        layout = named_layout(source.layout)
        layouts = (layout.name, _usual(layout.nb_channels), "stereo")
        for each, rate in product(layouts, (source.sample_rate, _USUAL_RATE)):
            format = cls(encoder, each, rate)
            if format.is_taken():
                return format
        return None

    def is_taken(self) -> bool:
        """Return whether the encoder can be opened."""
        try:
            context: Any = CodecContext.create(self.encoder, "w")
            context.layout, context.sample_rate = self.layout, self.rate
            context.format = context.codec.audio_formats[0]
            context.open()
        except (FFmpegError, ValueError):  # no such encoder, or no such channels
            return False
        return True


class EncodedSound:
    """A stream of sound that is decoded and encoded.

    Args:
        container: What it goes into.
        format: What the encoder is opened with.
        source: The stream of the clip.
    """

    def __init__(self, container: OutputContainer, format: SoundFormat, source: AudioStream) -> None:
        self._source = source
        self.stream: Any = container.add_stream(format.encoder, rate=format.rate, layout=format.layout)
        context: Any = self.stream.codec_context
        self._resampler = AudioResampler(context.format, context.layout, format.rate)

    def packets(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """Yield what is to be written for a packet."""
        try:
            frames = self._source.codec_context.decode(packet)
        except FFmpegError as error:  # a player would leave it out too
            _log.debug("damaged sound: %s", error)
            return
        for frame in frames:
            for resampled in self._resampler.resample(frame):
                yield from self.stream.encode(resampled)

    def rest(self) -> "Iterator[Packet[Any]]":
        """Yield what is left at the end."""
        for frame in self._source.codec_context.decode(None):
            for resampled in self._resampler.resample(frame):
                yield from self.stream.encode(resampled)
        for resampled in self._resampler.resample(None):
            yield from self.stream.encode(resampled)
        yield from self.stream.encode(None)


def named_layout(layout: AudioLayout) -> AudioLayout:
    """Return a layout, or, of one that only counts channels, what players take so many for.

    AVI and Matroska say no more of PCM, and neither encoders nor MP4 take that.
    """
    try:
        return AudioLayout(_usual(layout.nb_channels)) if is_unnamed(layout) else layout
    except ValueError:  # there is none of so many
        return layout


def is_unnamed(layout: AudioLayout) -> bool:
    """Return whether a layout only counts channels."""
    return layout.name == f"{layout.nb_channels} channels"


def _usual(channels: int) -> str:
    return f"{channels}c"
