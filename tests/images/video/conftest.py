"""Small clips, made by PyAV, and an engine that leaves pictures as they are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

av = pytest.importorskip("av")

from av.codec.context import Flags  # noqa: E402
from av.video.reformatter import ColorRange, Colorspace  # noqa: E402

TICK = Fraction(1, 12800)
RATE = 25
LASTING = 512
"""Ticks of a frame at that rate."""
SOUND_RATE = 16_000

Picture = NDArray[np.uint8]


class Identity:
    """An engine that leaves pictures as they are."""

    def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        yield from batches


def picture(index: int, height: int = 48, width: int = 64) -> Picture:
    """Return a picture with smooth colours that move from frame to frame."""
    y, x = np.mgrid[:height, :width] / 40
    waves = [np.sin(2 * x + 0.2 * index), np.sin(2 * y - 0.1 * index), np.cos(x + y + 0.15 * index)]
    return (127.5 + 110 * np.stack(waves, -1)).astype(np.uint8)


@dataclass(frozen=True)
class Making:
    """How a clip is made."""

    pictures: Sequence[Picture] = field(default_factory=lambda: [picture(index) for index in range(12)])
    durations: Sequence[int] | None = None
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] | None = None
    matrix: Colorspace = Colorspace.ITU709
    full_range: bool = False
    tagged: bool = True
    rotation: int = 0
    aspect: Fraction = Fraction(1)
    sound: str | None = None
    layout: str = "mono"
    sound_rate: int = SOUND_RATE
    subtitles: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: Sequence[dict[str, Any]] = ()


def make_clip(path: Path, making: Making | None = None) -> Path:
    """Write a clip and return its path."""
    making = making or Making()
    with av.open(str(path), "w") as container:
        container.metadata.update(making.metadata)
        container.set_chapters(list(making.chapters))
        video = _video(container, making)
        others = [_sound(container, making), _subtitles(container, making)]
        frames = list(_frames(making))
        packets = [packet for frame in frames for packet in video.encode(frame)] + video.encode(None)
        for packet in sorted(
            [*packets, *(packet for other in others for packet in other)],
            key=lambda packet: packet.dts * packet.time_base,
        ):
            container.mux(packet)
    return path


def _video(container: Any, making: Making) -> Any:
    video = container.add_stream(making.codec, rate=RATE)
    video.height, video.width = making.pictures[0].shape[:2]
    video.pix_fmt = making.pixel_format
    context = video.codec_context
    context.time_base = video.time_base = TICK
    context.flags |= Flags.frame_duration
    context.sample_aspect_ratio = making.aspect
    crf = {"preset": "ultrafast", "crf": "2"} if making.codec == "libx264" else {}
    video.options.update(crf if making.options is None else making.options)
    if making.rotation:
        video.set_display_rotation(making.rotation)
    if making.tagged:
        context.colorspace = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}[making.matrix]
        context.color_range = ColorRange.JPEG if making.full_range else ColorRange.MPEG
    return video


def _frames(making: Making) -> Iterator[Any]:
    pts = 0
    for index, pixels in enumerate(making.pictures):
        frame = av.VideoFrame.from_ndarray(pixels).reformat(
            format=making.pixel_format,
            dst_colorspace=making.matrix,
            dst_color_range=ColorRange.JPEG if making.full_range else ColorRange.MPEG,
        )
        frame.pts, frame.time_base = pts, TICK
        frame.duration = making.durations[index] if making.durations else LASTING
        pts += frame.duration
        yield frame


def _sound(container: Any, making: Making) -> list[Any]:
    if making.sound is None:
        return []
    rate = 48_000 if making.sound == "libopus" else making.sound_rate
    stream = container.add_stream(making.sound, rate=rate)
    stream.codec_context.layout = making.layout
    stream.metadata["language"] = "eng"
    seconds = len(making.pictures) / RATE
    time = np.arange(round(SOUND_RATE * seconds)) / SOUND_RATE
    wave = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = SOUND_RATE, 0
    context = stream.codec_context
    context.open()
    resampler = av.AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return [packet for piece in [*pieces, None] for packet in stream.encode(piece)]


def _subtitles(container: Any, making: Making) -> list[Any]:
    if making.subtitles is None:
        return []
    stream = container.add_stream(making.subtitles)
    stream.metadata["language"] = "fre"
    context = stream.codec_context
    context.time_base = Fraction(1, 1000)
    context.subtitle_header = _header()
    from av.subtitles.subtitle import SubtitleSet

    packet = context.encode_subtitle(
        SubtitleSet.create(b"0,0,Default,,0,0,0,,bonjour", start=0, end=200, pts=40)
    )
    packet.pts = packet.dts = 40
    packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), stream
    return [packet]


def _header() -> bytes:
    """Return the style header of SubRip, which FFmpeg's decoder makes."""
    decoder = av.CodecContext.create("subrip", "r")
    decoder.open(strict=False)
    header: bytes = decoder.subtitle_header
    return header


def read_frames(path: Path) -> tuple[list[Fraction], list[Picture]]:
    """Return times and pictures of a clip, decoded by PyAV with the colours that it is tagged with."""
    times, pictures = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            times.append(frame.pts * frame.time_base)
            pictures.append(frame.to_ndarray(format="rgb24"))
    return times, pictures


def read_packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Return times and contents of the packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.dts is not None
        ]
