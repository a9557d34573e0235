"""Real clips and odd files through the command line."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import pytest

from allaprima.images.video import Frame, Section, Wanted, open_clip
from allaprima.infer.video.stylize_clip import Settings, stylize_clip
from allaprima.infer.video.writing import Encoding
from allaprima.infer.video.writing.part_file import PartFile
from tests.conftest import Run
from tests.images.video.conftest import Identity, read_packets

pytestmark = [
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning"),
]

UNREADABLE = {
    "audio_only.mp3": "has no video stream; it holds audio",
    "DERIVED_truncated_half.mp4": "cannot be read: it is no video, or its beginning or end is missing",
    "DERIVED_text_named.mp4": "cannot be read: it is no video",
    "zero_byte.png": "cannot be read: it is no video",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_bad_files_are_explained(
    run: Run, small_style: Path, shared: Path, tmp_path: Path, name: str
) -> None:
    source = shared / "data" / "bad-inputs" / name
    code, out, err = run("video", small_style, source, "-o", tmp_path / "b.mp4")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: clip '{source}' ")
    assert UNREADABLE[name] in err
    assert list(tmp_path.iterdir()) == []


def test_the_best_of_several_streams_is_painted(
    run: Run, small_style: Path, shared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    source = shared / "data" / "bad-inputs" / "multi_stream.mp4"
    code, _, _ = run("video", small_style, source, "-o", tmp_path / "b.mp4", "--end", 2, "--height", 90)
    assert code == 0
    assert caplog.messages == ["video stream 0 is left out: one is painted"]
    with av.open(str(tmp_path / "b.mp4")) as container:
        kinds = [stream.type for stream in container.streams]
        assert kinds == ["video", "audio", "subtitle", "audio", "subtitle"]
        assert (container.streams.video[0].width, container.streams.video[0].height) == (480, 270)
        assert len(list(container.decode(video=0))) == 60


def test_half_a_transport_stream_is_painted(
    run: Run, small_style: Path, shared: Path, tmp_path: Path
) -> None:
    """Which can be cut anywhere."""
    whole = tmp_path / "a.ts"
    clip = open_clip(shared / "data" / "video-dev" / "realshort.mp4")
    with PartFile(whole, overwrite=False) as part:
        stylize_clip(Identity(), clip, part, Settings())
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, out, err = run("video", small_style, whole, "-o", tmp_path / "b.mp4")
    assert code in (0, 1), err
    assert 5 < int(out.split()[0]) < 36


@pytest.mark.parametrize("name", ["realshort.mp4", "armwrestle.mp4", "newtonscradle.gif", "hevc_10bit.mp4"])
def test_clips_survive_a_network_that_changes_nothing(shared: Path, tmp_path: Path, name: str) -> None:
    """Within 2 of 255 levels, all frames at their times, sound bit by bit."""
    folder = "bad-inputs" if name.startswith("hevc") else "video-dev"
    source = shared / "data" / folder / name
    section = Section(end=Fraction(3, 2))
    with PartFile(tmp_path / "b.mp4", overwrite=False) as part:
        settings = Settings(encoding=Encoding(crf=1), section=section)
        stylize_clip(Identity(), open_clip(source, section=section), part, settings)
    before, after = open_clip(source, section=section), open_clip(tmp_path / "b.mp4")
    assert (after.info.height, after.info.width) == (before.info.height, before.info.width)
    assert after.info.pixel_aspect == before.info.pixel_aspect
    wanted = Wanted(before.info.height, before.info.width)
    for one, other in zip(before.items(wanted), after.items(wanted), strict=True):
        assert isinstance(one, Frame)
        assert isinstance(other, Frame)
        assert one.pts * before.info.time_base == other.pts * after.info.time_base
        # Halved colour is not enough for a GIF's, and the HEVC clip has colours that RGB has not.
        limit = 2 if name in ("realshort.mp4", "armwrestle.mp4") else 4
        assert abs(one.picture.astype(int) - other.picture).mean() < limit
        assert abs((one.picture.astype(int) - other.picture).mean(axis=(0, 1))).max() < 1
    if any(stream.type == "audio" for stream in before.beside.streams):
        assert read_packets(tmp_path / "b.mp4", "audio") == read_packets(source, "audio")
