"""Clips written: what a clip has is kept, whatever the network makes of its pictures."""

import logging
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from PIL import Image

from allaprima.images.video import Frame, Section, Wanted, open_clip
from allaprima.images.video.frame_to_rgb import RgbReader
from allaprima.images.video.rgb_to_frame import FrameMaker
from allaprima.infer.video.compositing import View
from allaprima.infer.video.stylize_clip import Settings, stylize_clip
from allaprima.infer.video.writing import CODECS, SUFFIXES, CodecName, Encoding
from allaprima.infer.video.writing.encoders import FilmEncoder, Format
from allaprima.infer.video.writing.part_file import PartFile
from tests.images.video.conftest import (
    TICK,
    Identity,
    Making,
    make_clip,
    picture,
    read_frames,
    read_packets,
)

BEST = Encoding(crf=1)
UNEVEN = [512, 1024, 700, 512, 2000, 512, 512, 900, 512, 512, 512, 1536]


def written(source: Path, target: Path, settings: Settings | None = None, engine: Any = None) -> Path:
    """Send a clip through an engine, by default one that changes nothing."""
    settings = settings or Settings()
    clip = open_clip(source, section=settings.section)
    with PartFile(target, overwrite=False) as part:
        stylize_clip(engine or Identity(), clip, part, settings)
    clip.close()
    assert [path.name for path in target.parent.glob("*.part.*")] == []
    return target


def test_what_is_there_while_it_is_written_is_told_without_reading_it(tmp_path: Path) -> None:
    """In a signal's handler, where nothing is to take long, or to go wrong."""
    with PartFile(tmp_path / "b.mp4", overwrite=False) as part:
        assert part.kept() == "nothing was written"
        part.path.write_bytes(b"header")
        assert part.kept() == f"'{part.path}' may play as far as it was written"
        part.remove()
        assert part.kept() == "nothing was written"


def in_rgb(path: Path) -> list[Any]:
    """Return frames as a player shows them: by their tags."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    reader = RgbReader(frames[0].height, frames[0].width)
    return [reader(frame).astype(int) for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_timestamps_of_a_variable_rate_are_kept(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(durations=UNEVEN))
    times, _ = read_frames(written(source, tmp_path / f"b{suffix}"))
    expected, _ = read_frames(source)
    start = times[0] if suffix == ".ts" else 0
    unit = {".mkv": Fraction(1, 1000), ".ts": Fraction(1, 90_000)}.get(suffix, Fraction(0))
    assert len(times) == len(expected)
    for actual, target in zip(times, expected, strict=True):
        assert abs(actual - start - target) <= unit
    if suffix == ".mp4":
        with av.open(str(tmp_path / "b.mp4")) as container:
            assert container.duration == pytest.approx(sum(UNEVEN) * TICK * 1_000_000, abs=2000)


@pytest.mark.parametrize(
    ("height", "width", "codec"),
    [(47, 65, "h264"), (48, 65, "h265"), (49, 66, "vp9"), (49, 65, "av1"), (50, 66, "h264")],
)
def test_sizes_are_kept_to_the_pixel(
    tmp_path: Path, height: int, width: int, codec: CodecName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pictures = [picture(index, height, width) for index in range(5)]
    source = make_clip(
        tmp_path / "a.mkv", Making(pictures, codec="libvpx-vp9", options={"lossless": "1", "cpu-used": "8"})
    )
    target = written(source, tmp_path / "b.mkv", Settings(encoding=Encoding(codec)))
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (height, width)
        assert stream.codec_context.codec.canonical_name == CODECS[codec].stream
        assert len(list(container.decode(video=0))) == 5
    assert ("is odd, which" in caplog.text) == (codec in ("h264", "h265") and height + width != 116)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="needs Linux")
def test_no_encoder_runs_before_everything_else(tmp_path: Path) -> None:
    """As root SVT-AV1 asks for real-time priority, also for the thread that opens it."""
    encoding, format = Encoding("av1"), Format(48, 64, Fraction(24), Fraction(1, 24))
    before = os.sched_getscheduler(0)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        encoder = FilmEncoder(container, CODECS["av1"], encoding, format)
        encoder.encode(picture(0), 0, 1)
        threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
        assert {os.sched_getscheduler(thread) for thread in threads} == {before}
        encoder.flush()


@pytest.mark.parametrize("matrix", [Colorspace.ITU709, Colorspace.ITU601])
@pytest.mark.parametrize("full", [False, True])
def test_colours_survive(tmp_path: Path, matrix: Colorspace, full: bool) -> None:
    """Decoded, through a network that changes nothing, encoded and decoded: within 2 of 255 levels."""
    source = make_clip(tmp_path / "a.mp4", Making(matrix=matrix, full_range=full))
    target = written(source, tmp_path / "b.mp4", Settings(encoding=Encoding(crf=0)))
    for before, after in zip(in_rgb(source), in_rgb(target), strict=True):
        assert abs(before - after).mean() < 1
        assert np.percentile(abs(before - after), 99) <= 2
        assert abs((before - after).mean(axis=(0, 1))).max() < 0.15  # no tint, and nothing moved
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
    tags = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
    assert tags == (1, ColorRange.MPEG, 1, 1)


@pytest.mark.parametrize(("codec", "suffix"), [("vp9", ".webm"), ("av1", ".mkv"), ("h265", ".mp4")])
def test_colours_do_not_move(tmp_path: Path, codec: CodecName, suffix: str) -> None:
    """Nor over generations: half a pixel would be seen as a tint where colours rise from left to right."""
    source = make_clip(tmp_path / "a.mp4")
    settings = Settings(encoding=Encoding(codec, crf=1))
    first = written(source, tmp_path / f"b{suffix}", settings)
    second = written(first, tmp_path / f"c{suffix}", settings)
    clips = [open_clip(path) for path in (source, second)]
    before, after = (
        np.stack([item.picture for item in clip.items(Wanted(48, 64)) if isinstance(item, Frame)])
        for clip in clips
    )
    assert abs((before.astype(int) - after).mean(axis=(0, 1, 2))).max() < 0.5


def test_ten_bits_are_read(tmp_path: Path) -> None:
    making = Making(pixel_format="yuv420p10le", codec="libx265", options={"crf": "2", "preset": "ultrafast"})
    source = make_clip(tmp_path / "a.mp4", replace(making, options={"x265-params": "log-level=none:crf=2"}))
    target = written(source, tmp_path / "b.mp4", Settings(encoding=BEST))
    for index, after in enumerate(in_rgb(target)):
        assert abs(after - picture(index)).mean() < 3


def test_sound_is_copied_bit_by_bit(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(sound="aac"))
    target = written(source, tmp_path / "b.mp4")
    assert read_packets(target, "audio") == read_packets(source, "audio")
    with av.open(str(target)) as container:
        assert container.streams.audio[0].language == "eng"


def test_sound_gets_in_and_out_of_transport_streams(tmp_path: Path) -> None:
    """Where AAC has headers that MP4 does not know."""
    source = make_clip(tmp_path / "a.mp4", Making(sound="aac"))
    stream = written(source, tmp_path / "b.ts")
    for suffix in (".mp4", ".mkv"):
        target = written(stream, tmp_path / f"c{suffix}")
        packets = [content for _, content in read_packets(target, "audio")]
        assert packets == [content for _, content in read_packets(source, "audio")]


def test_subtitles_are_copied(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", Making(subtitles="srt"))
    target = written(source, tmp_path / "b.mkv")
    assert read_packets(target, "subtitle") == [(Fraction(4, 100), b"bonjour")]
    with av.open(str(target)) as container:
        assert container.streams.subtitles[0].language == "fre"


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".webm", "webvtt")])
def test_what_the_container_does_not_hold_is_re_encoded(
    tmp_path: Path, suffix: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sound = "aac" if suffix == ".webm" else "vorbis"
    source = make_clip(
        tmp_path / "a.mkv", Making(subtitles="srt", sound="aac" if suffix == ".webm" else "pcm_s16le")
    )
    assert sound
    target = written(source, tmp_path / f"b{suffix}")
    with av.open(str(target)) as container:
        (text,) = container.streams.subtitles
        assert text.codec_context.name == codec
        (sounds,) = container.streams.audio
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        rate = sounds.codec_context.sample_rate
    assert b"bonjour" in b"".join(content for _, content in read_packets(target, "subtitle"))
    assert f"subtitle stream 2: srt re-encoded as {codec}, since {suffix} does not hold it" in caplog.text
    if suffix == ".webm":
        assert "audio stream 1: aac re-encoded as libopus, since .webm does not hold it" in caplog.text
        assert len(samples) / rate == pytest.approx(12 / 25, abs=0.1)
        crossings = np.count_nonzero(np.diff(np.sign(samples.astype(float)[rate // 10 : -rate // 10])))
        length = len(samples) - 2 * (rate // 10)
        assert crossings / 2 / (length / rate) == pytest.approx(440, rel=0.05)


def test_what_has_no_place_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = make_clip(tmp_path / "a.mkv", Making(subtitles="srt", sound="aac"))
    written(source, tmp_path / "b.gif")
    assert "audio stream 1 is left out: .gif does not hold aac" in caplog.text
    assert "subtitle stream 2 is left out: .gif does not hold srt" in caplog.text


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_metadata_and_chapters_are_kept(tmp_path: Path, suffix: str) -> None:
    millisecond = Fraction(1, 1000)
    chapters = [
        {"id": 0, "start": 0, "end": 200, "time_base": millisecond, "metadata": {"title": "one"}},
        {"id": 1, "start": 200, "end": 480, "time_base": millisecond, "metadata": {"title": "two"}},
    ]
    source = make_clip(tmp_path / f"a{suffix}", Making(metadata={"title": "Night"}, chapters=chapters))
    target = written(source, tmp_path / f"b{suffix}")
    with av.open(str(target)) as container:
        assert container.metadata["title"] == "Night"
        subtitles = [
            (chapter["start"] * chapter["time_base"], chapter["metadata"]["title"])
            for chapter in container.chapters()
            if chapter["time_base"]
        ]
    assert subtitles == [(0, "one"), (Fraction(1, 5), "two")]
    cut = written(source, tmp_path / f"c{suffix}", Settings(section=Section(Fraction(3, 10))))
    with av.open(str(cut)) as container:
        (last,) = container.chapters()
    assert last["metadata"]["title"] == "two"
    assert last["start"] == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_end_with_the_section(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    millisecond = Fraction(1, 1000)
    chapters = [
        {"id": at, "start": at, "end": at + 160, "time_base": millisecond, "metadata": {"title": str(at)}}
        for at in (0, 160, 320)
    ]
    source = make_clip(tmp_path / f"a{suffix}", Making(chapters=chapters))
    section = Section(Fraction(12, 100), Fraction(24, 100))  # of three frames
    target = written(source, tmp_path / f"b{suffix}", Settings(section=section))
    with av.open(str(target)) as container:
        kept = [
            (chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"])
            for chapter in container.chapters()
            if chapter["time_base"]
        ]
        assert container.duration == 120_000
    assert kept == [(0, Fraction(4, 100)), (Fraction(4, 100), Fraction(12, 100))]
    assert "left out" not in caplog.text


def test_data_that_has_no_name_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = make_clip(tmp_path / "a.mov", Making(metadata={"timecode": "01:00:00:00"}))
    written(source, tmp_path / "b.mkv")
    assert "data stream 1 is left out: .mkv does not hold its kind" in caplog.text


def test_pixels_that_are_no_squares_stay_so(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(aspect=Fraction(64, 51)))
    with av.open(str(written(source, tmp_path / "b.mp4"))) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(64, 51)


def test_rotation_is_baked_in(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(rotation=90))
    target = written(source, tmp_path / "b.mp4", Settings(encoding=BEST))
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
    assert (frame.rotation, frame.height, frame.width) == (0, 64, 48)
    assert abs(in_rgb(target)[0] - np.rot90(picture(0))).mean() < 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / "a.mp4")
    for name in SUFFIXES[suffix] if suffix == ".mp4" else SUFFIXES[suffix][:1]:
        encoding = Encoding(None if name in ("gif", "webp") else name)
        target = written(source, tmp_path / f"{name}{suffix}", Settings(encoding=encoding))
        times = [] if suffix == ".webp" else read_frames(target)[0]
        assert len(times) == (0 if suffix == ".webp" else 12)


def test_gif_and_webp_keep_their_times(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture(index)) for index in range(4)]
    times = [50, 200, 100, 70]
    source = tmp_path / "a.gif"
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=times)
    for suffix in (".gif", ".webp"):
        target = written(source, tmp_path / f"b{suffix}")
        with Image.open(target) as image:
            assert getattr(image, "n_frames", 1) == 4
            assert image.info["loop"] == 0
            for index, time in enumerate(times):
                image.seek(index)
                image.load()
                if (
                    index < 3 or suffix == ".webp"
                ):  # FFmpeg does not tell how long a GIF's last frame is shown
                    assert image.info["duration"] == time
                shown = np.asarray(image.convert("RGB"), int)
                assert abs(shown - picture(index)).mean() < 12
    again = written(tmp_path / "b.webp", tmp_path / "c.gif")
    with Image.open(again) as image:
        image.seek(3)
        assert image.info["duration"] == 70


def test_a_lower_working_size_keeps_the_size(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4")
    target = written(source, tmp_path / "b.mp4", Settings(height=24, encoding=BEST))
    frames = in_rgb(target)
    assert frames[0].shape == (48, 64, 3)
    assert abs(frames[0] - picture(0)).mean() < 6


def test_side_by_side_and_blended(tmp_path: Path) -> None:
    class Invert(Identity):
        def stream(self, batches: Any) -> Any:
            for batch in batches:
                yield 255 - batch

    clip = open_clip(make_clip(tmp_path / "a.mp4"))
    settings = Settings(view=View(0.25, side_by_side=True), encoding=BEST, height=24)
    with PartFile(tmp_path / "b.mp4", overwrite=False) as part:
        stylize_clip(Invert(), clip, part, settings)
    frame = in_rgb(tmp_path / "b.mp4")[0]
    assert frame.shape == (48, 128, 3)
    assert abs(frame[:, :64] - picture(0)).mean() < 3
    assert abs(frame[:, 64:] - (0.75 * picture(0) + 0.25 * (255 - picture(0).astype(int)))).mean() < 4


def test_bitrate_and_quality_set_the_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), dtype=np.uint8)
    source = make_clip(tmp_path / "a.mp4", Making(list(noise)))
    sizes = {
        name: written(source, tmp_path / f"{name}.mp4", Settings(encoding=encoding)).stat().st_size
        for name, encoding in {
            "good": Encoding(crf=10),
            "bad": Encoding(crf=45),
            "much": Encoding(bitrate=2_000_000),
            "little": Encoding(bitrate=100_000),
            "slow": Encoding(bitrate=100_000, preset="medium"),
        }.items()
    }
    assert sizes["good"] > 3 * sizes["bad"]
    assert sizes["much"] > 3 * sizes["little"]
    assert sizes["slow"] != sizes["little"]


def test_a_preset_that_is_none_is_explained(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match=r"libx264 does not take 64x48 with .*preset fastest"):
        written(source, tmp_path / "b.mp4", Settings(encoding=Encoding(preset="fastest")))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_hardware_that_is_not_there_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    if av.CodecContext.create("h264_nvenc", "w") and Path("/dev/nvidia0").exists():
        pytest.skip("there is a device")
    source = make_clip(tmp_path / "a.mp4")
    written(source, tmp_path / "b.mp4", Settings(encoding=Encoding(hardware=True)))
    assert "no device here encodes H.264 of 64x48; the processor does" in caplog.text


def test_colours_go_there_and_back() -> None:
    """Without a tint, unlike FFmpeg's scaler as it is by itself."""
    pixels = picture(3, 96, 128)
    frame = FrameMaker(96, 128, "yuv420p")(pixels)
    plain = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(pixels),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )
    there, plainly = (RgbReader(96, 128)(made).astype(int) - pixels for made in (frame, plain))
    assert abs(there).mean() < 0.5
    assert abs(there.mean(axis=(0, 1))).max() < 0.05 < 0.1 < abs(plainly.mean(axis=(0, 1))).max()


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_last_frame_is_there_in_whatever_order_they_are_encoded(
    tmp_path: Path, codec: CodecName, varying: bool
) -> None:
    """Nor is it left out by players, as FFmpeg's fragments by time had it for one length in ten."""
    for count in (9, 10, 19, 20, 26):
        lasting = np.random.default_rng(count).integers(1, 6, count) if varying else np.ones(count, int)
        durations = [512 * int(ticks) for ticks in lasting]
        making = Making([picture(index) for index in range(count)], durations)
        source = make_clip(tmp_path / f"{count}.mkv", making)
        target = written(source, tmp_path / f"{count}.mp4", Settings(encoding=Encoding(codec)))
        shown, times = read_frames(source)[0], read_frames(target)[0]
        assert len(times) == count
        assert [round(1000 * (time - times[0])) for time in times] == [
            round(1000 * (time - shown[0])) for time in shown
        ]
