"""Sound of any kind gets into any container, or is named; nothing is painted before that is known."""

import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from allaprima.infer.video.writing.copied_streams import Carried
from allaprima.infer.video.writing.sound import SoundFormat
from tests.conftest import largest_file
from tests.images.video.conftest import Making, make_clip, read_packets
from tests.infer.video.writing.test_writing import written

_MPEG = "ac3 eac3 libmp3lame mp2"
_PCM = "pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f64le"
COPIED = {
    ".mp4": f"{_MPEG} alac flac libopus {_PCM}",
    ".m4v": "ac3 alac",
    ".mov": f"{_MPEG} alac {_PCM} pcm_u8",
    ".mkv": f"{_MPEG} alac flac libopus real_144 tta wavpack {_PCM} pcm_u8",
    ".webm": "libopus",
    ".ts": f"{_MPEG} libopus",
}
COPIED_FROM_MOV = (
    "adpcm_ima_qt libopencore_amrnb nellymoser pcm_alaw pcm_f32be pcm_f64be pcm_mulaw pcm_s8 pcm_u8"
)
RATES = {"libopencore_amrnb": 8_000, "real_144": 8_000, "nellymoser": 16_000}
"""Of encoders that do not take 48 kHz."""


def heard(path: Path) -> tuple[str, float, float]:
    """Return the codec of a clip's sound, how many seconds it lasts, and the frequency of its tone."""
    with av.open(str(path)) as container:
        codec = container.streams.audio[0].codec_context
        mono = av.AudioResampler("s16", "mono", codec.sample_rate)
        frames = [mixed for frame in container.decode(audio=0) for mixed in mono.resample(frame)]
        rate, samples = codec.sample_rate, np.concatenate([frame.to_ndarray()[0] for frame in frames])
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(float)
    tone = np.count_nonzero(np.diff(np.sign(middle))) / 2 / (len(middle) / rate)
    return codec.codec.canonical_name, len(samples) / rate, tone


@pytest.mark.parametrize("source", [".avi", ".mkv"])
@pytest.mark.parametrize(
    ("codec", "suffix", "result"),
    [
        ("pcm_s16le", ".mp4", "pcm_s16le"),
        ("pcm_s24le", ".mp4", "pcm_s24le"),
        ("pcm_f32le", ".mp4", "pcm_f32le"),
        ("pcm_u8", ".mp4", "aac"),
        ("pcm_s16le", ".ts", "aac"),
        ("pcm_u8", ".webm", "opus"),
    ],
)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_channels_that_are_only_counted(
    tmp_path: Path, source: str, codec: str, suffix: str, result: str, layout: str
) -> None:
    """As those of PCM are in AVI and Matroska, which neither encoders nor MP4 take."""
    clip = make_clip(tmp_path / f"a{source}", Making(sound=codec, layout=layout))
    found, seconds, tone = heard(written(clip, tmp_path / f"b{suffix}"))
    assert found == result
    assert seconds == pytest.approx(12 / 25, abs=0.1)
    assert tone == pytest.approx(440, rel=0.1)


@pytest.mark.parametrize(
    ("codec", "layout", "rate", "suffix", "result"),
    [
        ("ac3", "5.1(side)", 48_000, ".webm", "opus"),
        ("aac", "4.0", 48_000, ".webm", "opus"),
        ("libopus", "stereo", 48_000, ".mov", "aac"),
        ("flac", "stereo", 48_000, ".mov", "aac"),
        ("flac", "mono", 6_000, ".ts", "aac"),
        ("pcm_s16le", "stereo", 192_000, ".m4v", "aac"),
    ],
)
def test_what_an_encoder_does_not_take_is_brought_to_what_it_does(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    codec: str,
    layout: str,
    rate: int,
    suffix: str,
    result: str,
) -> None:
    caplog.set_level(logging.INFO)
    clip = make_clip(tmp_path / "a.mkv", Making(sound=codec, layout=layout, sound_rate=rate))
    found, seconds, tone = heard(written(clip, tmp_path / f"b{suffix}"))
    assert found == result
    assert seconds == pytest.approx(12 / 25, abs=0.1)
    assert tone == pytest.approx(440, rel=0.1)
    assert f"since {suffix} does not hold it" in caplog.text


@pytest.mark.parametrize(
    ("source", "codec", "suffix"),
    [
        *((".mkv", codec, suffix) for suffix, codecs in COPIED.items() for codec in codecs.split()),
        *((".mov", codec, ".mov") for codec in COPIED_FROM_MOV.split()),
        (".mov", "pcm_f32be", ".mp4"),
        (".mov", "pcm_f64be", ".mp4"),
    ],
)
def test_what_the_container_holds_is_copied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, codec: str, suffix: str
) -> None:
    """Everything that the encoders at hand make; AAC changes its headers, and is tested elsewhere."""
    caplog.set_level(logging.INFO)
    making = Making(sound=codec, sound_rate=RATES.get(codec, 48_000))
    clip = make_clip(tmp_path / f"a{source}", making)
    target = written(clip, tmp_path / f"b{suffix}")
    contents = [b"".join(data for _, data in read_packets(path, "audio")) for path in (clip, target)]
    assert contents[0] == contents[1] != b""
    assert "stream 1" not in caplog.text


@pytest.mark.parametrize(("rate", "result"), [(8_000, "aac"), (16_000, "mp3")])
def test_a_rate_that_a_container_refuses_is_re_encoded(tmp_path: Path, rate: int, result: str) -> None:
    """As MP4 does that of MP3 below 16 kHz."""
    clip = make_clip(tmp_path / "a.mkv", Making(sound="libmp3lame", sound_rate=rate))
    found, _, tone = heard(written(clip, tmp_path / "b.mp4"))
    assert found == result
    assert tone == pytest.approx(440, rel=0.1)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_surround_sound_is_copied(tmp_path: Path, suffix: str) -> None:
    making = Making(sound="ac3", layout="5.1(side)", sound_rate=48_000)
    clip = make_clip(tmp_path / "a.mkv", making)
    target = written(clip, tmp_path / f"b{suffix}")
    contents = [[content for _, content in read_packets(path, "audio")] for path in (clip, target)]
    assert contents[0] == contents[1]


def test_sound_that_no_encoder_takes_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(SoundFormat, "is_taken", lambda self: False)
    target = written(make_clip(tmp_path / "a.mkv", Making(sound="aac")), tmp_path / "b.webm")
    with av.open(str(target)) as container:
        assert not container.streams.audio
    assert "audio stream 1 is left out: .webm does not hold aac" in caplog.text


def test_what_a_container_refuses_is_told_before_the_first_frame_is_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Carried, "_takes", lambda self, stream: True)
    clip = make_clip(tmp_path / "a.mkv", Making(sound="flac"))
    with pytest.raises(OSError, match=r"cannot write '.*b\.part\.mov'") as refused:
        written(clip, tmp_path / "b.mov", engine=Unused())
    said = ".mov does not take video libx264, audio flac: invalid argument; choose another container"
    assert str(refused.value).endswith(said)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_a_full_disk_is_not_the_container_s_fault(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv")
    with largest_file(3), pytest.raises(OSError, match=r"cannot write '.*b\.part\.mov': file too large$"):
        written(clip, tmp_path / "b.mov", engine=Unused())


class Unused:
    def stream(self, batches: Any) -> Any:
        raise AssertionError("a frame is painted")
