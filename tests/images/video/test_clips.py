"""Clips read: every frame at its time, upright, what was damaged made good."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, features

from allaprima.images.video import (
    Clip,
    ClipError,
    Frame,
    Packets,
    Repeat,
    Section,
    Wanted,
    open_clip,
)
from tests.images.video.conftest import LASTING, RATE, TICK, Making, make_clip, picture, read_packets

UNEVEN = [512, 1024, 700, 512, 2000, 512, 512, 900, 512, 512, 512, 1536]
TRANSPARENT: list[tuple[str, dict[str, Any]]] = [(".webp", {"lossless": True}), (".avif", {"quality": 95})]


def read(clip: Clip, *, whole: bool = False, streams: Sequence[int] = ()) -> list[Frame | Repeat | Packets]:
    wanted = Wanted(clip.info.height, clip.info.width, whole=whole, streams=streams)
    return list(clip.items(wanted))


def frames_of(clip: Clip) -> list[Frame]:
    return [item for item in read(clip) if isinstance(item, Frame)]


def damage(path: Path, packet: int) -> None:
    """Overwrite what a packet of pictures holds, but for its first bytes, which say how long it is."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        broken = sorted(packets, key=lambda packet: packet.pts or 0)[packet]
        assert broken.pos is not None
        start, end = broken.pos + 5, broken.pos + broken.size
    content = bytearray(path.read_bytes())
    content[start:end] = bytes(end - start)
    path.write_bytes(content)


def animation(path: Path, options: dict[str, Any]) -> Path:
    """Make an animation of three frames, whose visible half moves to the right."""
    if path.suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    hidden = np.zeros((48, 64, 4), np.uint8)
    hidden[:, 32:] = (0, 0, 255, 255)
    frames = [Image.fromarray(np.roll(hidden, 8 * index, 1)) for index in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 80, 120], **options)
    return path


def test_every_frame_comes_at_its_time(tmp_path: Path) -> None:
    making = Making(durations=UNEVEN, options={"preset": "medium", "crf": "4"})  # with B frames
    clip = open_clip(make_clip(tmp_path / "a.mp4", making))
    frames = frames_of(clip)
    assert [frame.pts for frame in frames] == list(np.cumsum([0, *UNEVEN[:-1]]))
    assert (clip.info.time_base, clip.info.frames, clip.info.codec) == (TICK, 12, "h264")
    assert clip.info.seconds == pytest.approx(
        float(sum(UNEVEN) * TICK), abs=0.05
    )  # MP4 has it of the last frame decoded
    for index, frame in enumerate(frames):
        assert abs(frame.picture.astype(int) - picture(index)).mean() < 3


def test_packets_of_other_streams_come_in_between(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Making(sound="aac"))
    clip = open_clip(path)
    (sound,) = clip.beside.streams
    items = read(clip, streams=[sound.index])
    packets = [packet for item in items if isinstance(item, Packets) for packet in item.packets]
    assert [bytes(packet) for packet in packets] == [content for _, content in read_packets(path, "audio")]
    assert isinstance(items[-1], Packets | Frame)
    assert sum(isinstance(item, Packets) for item in items) > 1
    assert not any(isinstance(item, Packets) for item in read(open_clip(path)))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_baked_in(tmp_path: Path, degrees: int) -> None:
    aspect = Fraction(4, 3)
    clip = open_clip(make_clip(tmp_path / "a.mp4", Making(rotation=degrees, aspect=aspect)))
    expected = np.rot90(picture(0), degrees // 90)
    assert (clip.info.height, clip.info.width) == expected.shape[:2]
    assert clip.info.pixel_aspect == (aspect if degrees == 180 else 1 / aspect)
    assert abs(frames_of(clip)[0].picture.astype(int) - expected).mean() < 3


def test_whole_frames_come_with_reduced_ones(tmp_path: Path) -> None:
    clip = open_clip(make_clip(tmp_path / "a.mp4"))
    (first, *_) = (item for item in clip.items(Wanted(24, 32, whole=True)) if isinstance(item, Frame))
    assert first.whole is not None
    assert (first.picture.shape, first.whole.shape) == ((24, 32, 3), (48, 64, 3))


def test_a_section_is_read_to_the_frame(tmp_path: Path) -> None:
    """Though its start is no key frame; sound keeps its distance to the pictures."""
    path = make_clip(tmp_path / "a.mp4", Making([picture(index) for index in range(50)], sound="aac"))
    end = Fraction(3, 2)
    section = Section(Fraction(1, 2), end)
    clip = open_clip(path, section=section)
    items = read(clip, streams=[1])
    frames = [item for item in items if isinstance(item, Frame)]
    assert [frame.pts * TICK + section.start for frame in frames] == [Fraction(k, 25) for k in range(13, 38)]
    assert abs(frames[0].picture.astype(int) - picture(13)).mean() < 3
    packets = [packet for item in items if isinstance(item, Packets) for packet in item.packets]
    whole = [(time, data) for time, data in read_packets(path, "audio") if section.start <= time < end]
    assert [bytes(packet) for packet in packets] == [data for _, data in whole]
    for packet, (time, _) in zip(packets, whole, strict=True):
        assert packet.pts is not None
        assert packet.pts * packet.time_base + section.start == time


@pytest.mark.parametrize("apart", [12, 100])
def test_a_section_of_a_transport_stream_is_read_to_the_frame(tmp_path: Path, apart: int) -> None:
    """Whatever seeking lands on: behind the start there may be no other key frame."""
    options = {"crf": "2", "bf": "2", "g": str(apart), "sc_threshold": "0"}
    pictures = [picture(index) for index in range(100)]
    path = make_clip(tmp_path / "a.ts", Making(pictures, options=options, sound="mp2"))
    for first in (3, 30, 61):
        section = Section(Fraction(first, RATE), Fraction(first + 25, RATE))
        clip = open_clip(path, section=section)
        items = read(clip, streams=[1])
        frames = [item for item in items if isinstance(item, Frame)]
        assert len(frames) == 25
        assert frames[0].pts * clip.info.time_base < Fraction(1, RATE)
        shown = [abs(frames[0].picture.astype(int) - picture(first + k)).mean() for k in (-3, 0, 3)]
        assert shown[1] == min(shown)
        packets = [packet for item in items if isinstance(item, Packets) for packet in item.packets]
        sound = [packet.pts or 0 for packet in packets]
        assert sound == sorted(set(sound))
        clip.close()


def test_a_subtitle_on_show_when_the_section_starts_is_shown_from_there(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", Making(subtitles="srt"))  # from 40 to 240 ms
    clip = open_clip(path, section=Section(Fraction(1, 10)))
    packets = [
        packet for item in read(clip, streams=[1]) if isinstance(item, Packets) for packet in item.packets
    ]
    assert [(packet.pts, packet.duration) for packet in packets] == [(0, 140)]


@pytest.mark.parametrize(("start", "expected"), [("0", (40, 160)), ("0.1", (0, 100))])
def test_a_subtitle_on_show_when_the_section_ends_is_shown_until_there(
    tmp_path: Path, start: str, expected: tuple[int, int]
) -> None:
    path = make_clip(tmp_path / "a.mkv", Making(subtitles="srt"))  # from 40 to 240 ms
    clip = open_clip(path, section=Section(Fraction(start), Fraction(1, 5)))
    packets = [
        packet for item in read(clip, streams=[1]) if isinstance(item, Packets) for packet in item.packets
    ]
    assert [(packet.pts, packet.duration) for packet in packets] == [expected]


def test_a_damaged_frame_is_repeated(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Making(options={"crf": "2", "bf": "0", "g": "1"}))
    damage(path, 5)
    clip = open_clip(path)
    items = read(clip)
    assert [type(item) for item in items] == [Frame] * 5 + [Repeat] + [Frame] * 6
    assert [item.pts for item in items if not isinstance(item, Packets)] == [LASTING * k for k in range(12)]
    assert items[5] == Repeat(5 * LASTING, LASTING)
    assert clip.losses.damaged == 1


def test_in_place_of_a_damaged_first_frame_comes_the_second(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Making(options={"crf": "2", "bf": "0", "g": "1"}))
    damage(path, 0)
    damage(path, 1)
    clip = open_clip(path)
    items = read(clip)
    assert [type(item) for item in items] == [Frame, Repeat] + [Frame] * 10
    assert isinstance(items[0], Frame)
    assert items[0].pts == 0
    assert abs(items[0].picture.astype(int) - picture(2)).mean() < 3
    assert clip.losses.damaged == 2


def test_damaged_last_frames_are_repeated(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Making(options={"crf": "2", "bf": "0", "g": "1"}))
    damage(path, 11)
    items = read(open_clip(path))
    assert items[-1] == Repeat(11 * LASTING, LASTING)


def test_a_file_that_is_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Its index is at the front, so it says what is missing."""
    making = Making(options={"crf": "2", "bf": "0", "g": "1"})
    source, path = make_clip(tmp_path / "a.mp4", making), tmp_path / "b.mp4"
    with av.open(str(source)) as whole, av.open(str(path), "w", options={"movflags": "faststart"}) as front:
        stream = front.add_stream_from_template(whole.streams.video[0], opaque=True)
        for packet in whole.demux(video=0):
            if packet.size:
                packet.stream = stream
                front.mux(packet)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    clip = open_clip(path)
    frames = frames_of(clip)
    assert 3 < len(frames) < 9
    assert clip.losses.cut_short


def test_a_size_that_changes_is_scaled_to_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two transport streams one after the other are a stream."""
    small = [picture(index, 24, 32) for index in range(6)]
    first = make_clip(tmp_path / "a.ts", Making(options={"bf": "0"}))
    second = make_clip(tmp_path / "b.ts", Making(small, options={"bf": "0"}))
    both = tmp_path / "c.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    clip = open_clip(both)
    items = read(clip)
    assert {item.picture.shape for item in items if isinstance(item, Frame)} == {(48, 64, 3)}
    assert clip.losses.resized == 6
    assert caplog.text.count("change from 64x48 to 32x24") == 1
    times = [item.pts for item in items if not isinstance(item, Packets)]
    assert times == sorted(set(times))


def test_animated_gif(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture(index)) for index in range(4)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[50, 200, 100, 70])
    read_ones = frames_of(open_clip(path))
    assert [(frame.pts, frame.duration) for frame in read_ones][:3] == [(0, 5), (5, 20), (25, 10)]
    assert abs(read_ones[2].picture.astype(int) - picture(2)).mean() < 12


@pytest.mark.parametrize("section", [Section(), Section(Fraction(1, 20), Fraction(7, 20))])
def test_animated_webp(tmp_path: Path, section: Section) -> None:
    frames = [Image.fromarray(picture(index)) for index in range(4)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[50, 200, 100, 70], lossless=True)
    clip = open_clip(path, section=section)
    assert (clip.info.frames, clip.info.seconds, clip.info.rate) == (4, 0.42, Fraction(4000, 420))
    clip_frames = frames_of(clip)
    times = [(0, 50), (50, 200), (250, 100), (350, 70)]
    expected = times if section.end is None else [(0, 200), (200, 100)]
    assert [(frame.pts, frame.duration) for frame in clip_frames] == expected
    assert (clip_frames[0].picture == picture(0 if section.end is None else 1)).all()


@pytest.mark.parametrize(("suffix", "options"), TRANSPARENT)
def test_transparent_pixels_of_animations_are_put_on_white(
    tmp_path: Path, suffix: str, options: dict[str, Any]
) -> None:
    clip = open_clip(animation(tmp_path / f"a{suffix}", options))
    assert clip.beside.streams == ()
    shown = frames_of(clip)
    assert [(frame.pts, frame.duration) for frame in shown] == [(0, 40), (40, 80), (120, 120)]
    assert (shown[0].picture[8:40, 4:28] > 250).all()
    assert abs(shown[0].picture[8:40, 36:60].astype(int) - (0, 0, 255)).max() < 8
    assert (shown[2].picture[8:40, 20:44] > 250).all()


def test_frames_that_last_0_are_shown_as_browsers_do(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture(index)) for index in range(3)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[0, 40, 0], lossless=True)
    clip = open_clip(path)
    assert (clip.info.seconds, clip.info.rate) == (0.24, Fraction(3000, 240))
    assert [(frame.pts, frame.duration) for frame in frames_of(clip)] == [(0, 100), (100, 40), (140, 100)]


def test_files_that_are_no_clips_are_explained(tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    with (
        av.open(str(make_clip(tmp_path / "a.mp4", Making(sound="aac")))) as whole,
        av.open(str(sound), "w") as only,
    ):
        stream = only.add_stream_from_template(whole.streams.audio[0])
        for packet in whole.demux(audio=0):
            if packet.size:
                packet.stream = stream
                only.mux(packet)
    (tmp_path / "text.mp4").write_text("text")
    (tmp_path / "empty.mp4").touch()
    broken = tmp_path / "broken.webp"
    broken.write_bytes(b"RIFF\x00\x01\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02" + bytes(20))
    for name, message in {
        "sound.mp4": "has no video stream; it holds audio",
        "text.mp4": "cannot be read: it is no video, or its beginning or end is missing",
        "empty.mp4": "cannot be read: it is no video",
        "broken.webp": "cannot be read: it is a damaged animation",
        ".": "is a folder; expected a video file",
    }.items():
        with pytest.raises(ClipError, match=message):
            open_clip(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"none\.mp4' does not exist"):
        open_clip(tmp_path / "none.mp4")


@pytest.mark.parametrize(("suffix", "options"), TRANSPARENT)
def test_damaged_animations_are_explained(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    path = animation(tmp_path / f"a{suffix}", options)
    content = path.read_bytes()
    good = content.index(b"mdat") + 4 if suffix == ".avif" else len(content) // 2
    path.write_bytes(content[:good] + np.random.default_rng(0).bytes(len(content) - good))
    with pytest.raises(ClipError, match=rf"a\{suffix}' cannot be read: it is a damaged animation"):
        open_clip(path)


def test_animations_with_too_many_pixels_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AVIF, whose transparency is not known then, is read by FFmpeg, which knows no such limit."""
    paths = [animation(tmp_path / f"a{suffix}", options) for suffix, options in TRANSPARENT]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ClipError, match=r"a\.webp' cannot be read: its pictures have too many pixels"):
        open_clip(paths[0])
    assert open_clip(paths[1]).info.codec != "avif"


def test_what_ffmpeg_cannot_open_is_explained(tmp_path: Path) -> None:
    """A playlist whose clip is not there, for one."""
    playlist = tmp_path / "a.ffconcat"
    playlist.write_text("ffconcat version 1.0\nfile none.mp4\n")
    with pytest.raises(ClipError, match=r"a\.ffconcat' cannot be read: no such file or directory"):
        open_clip(playlist)


def test_hardware_that_is_not_there_is_done_without(tmp_path: Path) -> None:
    assert len(frames_of(open_clip(make_clip(tmp_path / "a.mp4"), hardware=True))) == 12
