"""What a clip is encoded with: codecs, their quality, and which container holds which."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CodecName = Literal["h264", "h265", "vp9", "av1", "gif", "webp"]


@dataclass(frozen=True)
class Codec:
    """An encoder and how it is asked for quality and speed.

    Attributes:
        title: What people call it.
        encoder: FFmpeg's name of the encoder.
        stream: FFmpeg's name of what it makes.
        crf: Default of the constant rate factor: lower is better and larger.
        worst_crf: The highest one.
        preset_option: FFmpeg's option for speed.
        preset: Its default.
        odd_sizes: Whether pictures with halved colour may have odd sides.
        options: What is always set.
        refined: What is set besides where nobody asks for a preset.
    """

    title: str
    encoder: str
    stream: str
    crf: int
    worst_crf: int
    preset_option: str
    preset: str
    odd_sizes: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    refined: Mapping[str, str] = field(default_factory=dict)


CODECS: Mapping[CodecName, Codec] = {
    # Painted frames of 640x360 at CRF 18: 5.1 ms, 35 kB and 36.5 dB each; veryfast 9.3 ms, 34 kB and 36.3 dB,
    # superfast alone 4.8 ms, 31 kB and 35.3 dB, medium 30 ms, 36 kB and 38.0 dB.
    "h264": Codec(
        "H.264",
        "libx264",
        "h264",
        18,
        51,
        "preset",
        "superfast",
        refined={"mbtree": "1", "rc-lookahead": "10"},
    ),
    "h265": Codec(
        "H.265", "libx265", "hevc", 20, 51, "preset", "superfast", options={"x265-params": "log-level=error"}
    ),
    "vp9": Codec(
        "VP9",
        "libvpx-vp9",
        "vp9",
        24,
        63,
        "cpu-used",
        "6",
        odd_sizes=True,
        options={"deadline": "good", "row-mt": "1"},
    ),
    "av1": Codec("AV1", "libsvtav1", "av1", 28, 63, "preset", "10", odd_sizes=True),
    "gif": Codec("GIF", "gif", "gif", 0, 0, "", "", odd_sizes=True),
    "webp": Codec("WebP", "libwebp_anim", "webp", 0, 0, "", "", odd_sizes=True, options={"quality": "90"}),
}

SUFFIXES: Mapping[str, tuple[CodecName, ...]] = {
    ".mp4": ("h264", "h265", "av1", "vp9"),
    ".m4v": ("h264",),
    ".mov": ("h264", "h265"),
    ".mkv": ("h264", "h265", "av1", "vp9"),
    ".webm": ("vp9", "av1"),
    ".ts": ("h264", "h265"),
    ".gif": ("gif",),
    ".webp": ("webp",),
}
"""Containers by suffix, and the codecs that they hold, the default first."""

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True)
class Encoding:
    """How a clip is to be encoded.

    Attributes:
        codec: None is the container's default.
        crf: Constant rate factor; None is the codec's default.
        bitrate: Bits per second, instead of a rate factor.
        preset: Of the encoder, which trades time for size; None is the codec's default.
        hardware: Encode on a device, where one can.
    """

    codec: CodecName | None = None
    crf: int | None = None
    bitrate: int | None = None
    preset: str | None = None
    hardware: bool = False


def resolve(encoding: Encoding, target: Path) -> Codec:
    """Return the codec that a file is encoded with.

    Raises:
        ValueError: If the suffix names no container, or one that cannot hold the codec, or the settings do
            not go together.
    """
    suffix = target.suffix.lower()
    held = SUFFIXES.get(suffix)
    if held is None:
        raise ValueError(
            f"output '{target}' is of an unknown kind; expected the name of a file that ends in one of "
            f"{', '.join(SUFFIXES)}"
        )
    name = encoding.codec or held[0]
    codec = CODECS[name]
    if name not in held:
        others = ", ".join(other for other, names in SUFFIXES.items() if name in names)
        raise ValueError(
            f"{suffix} cannot hold {codec.title}, it holds {', '.join(held)}; leave out --codec, or write "
            f"{others}"
        )
    _check_quality(encoding, codec)
    return codec


def _check_quality(encoding: Encoding, codec: Codec) -> None:
    if encoding.crf is not None and encoding.bitrate is not None:
        raise ValueError("--crf asks for a quality and --bitrate for a size; give one of the two")
    settings = {"--crf": encoding.crf, "--bitrate": encoding.bitrate, "--preset": encoding.preset}
    unknown = [flag for flag, value in settings.items() if value is not None]
    if unknown and not codec.preset_option:
        raise ValueError(f"{codec.title} has no setting {unknown[0]}; leave it out")
    if encoding.crf is not None and not 0 <= encoding.crf <= codec.worst_crf:
        raise ValueError(
            f"--crf {encoding.crf} is none of {codec.title}'s: 0, the best, to {codec.worst_crf}"
        )


def parse_bitrate(text: str) -> int:
    """Return the bits per second of `4M`, `800k` or `2500000`.

    Raises:
        ValueError: If it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmM]?)", text.strip())
    bits = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if bits < 1000:
        raise ValueError(f"'{text}' is not a bitrate; expected bits per second, for example 4M or 800k")
    return bits
