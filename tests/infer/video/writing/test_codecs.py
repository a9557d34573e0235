"""Which codec goes into which container, and how good it is."""

from pathlib import Path

import av
import pytest

from allaprima.infer.video.writing.codecs import CODECS, SUFFIXES, Encoding, parse_bitrate, resolve


def test_the_container_names_the_codec() -> None:
    titles = {suffix: resolve(Encoding(), Path(f"a{suffix}")).title for suffix in (".mp4", ".webm", ".GIF")}
    assert titles == {".mp4": "H.264", ".webm": "VP9", ".GIF": "GIF"}


@pytest.mark.parametrize(
    ("encoding", "name", "message"),
    [
        (Encoding(), "a.avi", "'a.avi' is of an unknown kind; expected .* one of .mp4, .m4v"),
        (
            Encoding("h264"),
            "a.webm",
            ".webm cannot hold H.264, it holds vp9, av1; .* or write .mp4, .m4v, .mov",
        ),
        (Encoding(crf=52), "a.mp4", "--crf 52 is none of H.264's: 0, the best, to 51"),
        (Encoding(crf=20, bitrate=10_000), "a.mp4", "--crf asks for a quality and --bitrate for a size"),
        (Encoding(crf=20), "a.gif", "GIF has no setting --crf"),
        (Encoding(preset="fast"), "a.webp", "WebP has no setting --preset"),
    ],
)
def test_what_does_not_go_together_is_explained(encoding: Encoding, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(encoding, Path(name))


def test_bitrates() -> None:
    assert [parse_bitrate(text) for text in ("4M", "800k", "2.5m", "64000")] == [4e6, 8e5, 2.5e6, 64e3]
    for text in ("", "fast", "4G", "12"):
        with pytest.raises(ValueError, match="is not a bitrate; expected bits per second"):
            parse_bitrate(text)


def test_ffmpeg_agrees_with_the_table(tmp_path: Path) -> None:
    for suffix, names in SUFFIXES.items():
        with av.open(str(tmp_path / f"a{suffix}"), "w") as container:
            held = container.supported_codecs
        if suffix != ".ts":  # of which FFmpeg does not say it
            assert {CODECS[name].stream for name in names} <= held
