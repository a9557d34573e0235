"""`allaprima bench video`: what it measures with, and what it reports."""

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from allaprima.infer.video.benchmark import Rates, Timing, make_clip, measure_endurance
from allaprima.infer.video.stages import Stages, measure_stages
from allaprima.infer.video.writing.encoders import Format
from tests.conftest import Run
from tests.images.video.conftest import Making, read_frames, read_packets
from tests.images.video.conftest import make_clip as make_short_clip

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_short_clip(tmp_path / "a.mp4", Making(sound="aac"))


def test_a_clip_is_shown_over_and_over(clip: Path, tmp_path: Path) -> None:
    long = make_clip(clip, tmp_path / "b.mp4", (24, 32), 2)
    times, pictures = read_frames(long)
    once, _ = read_frames(clip)
    sound = read_packets(clip, "audio")
    rounds = len(times) // len(once)
    assert rounds == 4
    assert pictures[0].shape == (24, 32, 3)
    period = times[len(once)] - times[0]
    assert Fraction(12, 25) <= period <= len(sound) * Fraction(1024, 16_000)
    for index, time in enumerate(times):
        later, place = divmod(index, len(once))
        assert abs(time - (once[place] + later * period)) < Fraction(1, 10_000)
    long_sound = read_packets(long, "audio")
    assert [content for _, content in long_sound] == [content for _, content in sound] * rounds
    for index, (time, _) in enumerate(long_sound):
        later, place = divmod(index, len(sound))
        assert abs(time - (sound[place][0] + later * period)) < Fraction(1, 10_000)


def test_a_long_clip_loses_nothing(clip: Path, tmp_path: Path) -> None:
    endurance = measure_endurance(make_clip(clip, tmp_path / "b.mp4", (24, 32), 20), tmp_path)
    assert endurance.seconds > 19
    assert (endurance.frames_lost, endurance.drift) == (0, 0)
    assert endurance.rate > 25
    assert endurance.late < 1.2 * endurance.early + 20e6


def test_cost_is_what_comes_on_top() -> None:
    stages = Stages(decode=1, to_rgb=2, to_ycbcr=3, encode=4)
    rates = Rates(Timing(9, 1), Timing(9, 1), Timing(22, 100), Timing(20, 115), stages)
    assert rates.cost == pytest.approx(0.1)
    assert rates.rest == pytest.approx(5)


def test_stages_are_measured_one_by_one(clip: Path, tmp_path: Path) -> None:
    """Encoding noise takes longer than encoding grey; what came of it is there."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3), dtype=np.uint8)
    format, target = Format(96, 128, rate=Fraction(25), time_base=Fraction(1, 12800)), tmp_path / "b.mp4"
    rough = measure_stages(clip, list(noise), format, target)
    assert len(read_frames(target)[0]) == 12
    calm = measure_stages(clip, list(np.full_like(noise, 128)), format, target)
    assert rough.encode > 2 * calm.encode
    assert all(value > 0 for value in asdict(rough).values())


def test_report(run: Run, small_style: Path, clip: Path, tmp_path: Path) -> None:
    options = ("--style", small_style, "--sizes", "32x24,48x32", "--seconds", 0.5, "--minutes", 0.02)
    code, out, _ = run("bench", "video", clip, *options, "--json", tmp_path / "bench.json")
    assert code == 0
    assert "frames a second (and processor time of a frame)" in out
    report = json.loads((tmp_path / "bench.json").read_text())
    first, second = report["rates"]
    assert (first["height"], first["width"], second["width"]) == (24, 32, 48)
    for name in ("decoded", "unchanged", "network", "stylized"):
        assert first[name]["rate"] > 0
        assert first[name]["processor_ms"] > 0
    assert {"decode", "to_rgb", "to_ycbcr", "encode"} == first["stages"].keys()
    assert "to YCbCr" in out
    assert first["cost"] == pytest.approx(first["network"]["rate"] / first["stylized"]["rate"] - 1)
    assert report["endurance"]["frames_lost"] == 0
    assert {"machine", "threads"} <= report.keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mp4"], "clip 'none.mp4' does not exist"),
        (["CLIP", "--sizes", "640"], "size '640' is not one"),
        (["CLIP", "--json", "none/a.json"], "there is no folder 'none'"),
        (["CLIP", "--style", "none"], "style file 'none' does not exist"),
    ],
)
def test_mistakes_end_with_code_2(run: Run, clip: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("bench", "video", *(clip if word == "CLIP" else word for word in arguments))
    assert (code, out) == (2, "")
    assert message in err
