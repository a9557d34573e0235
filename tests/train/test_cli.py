"""The training commands as a user types them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from allaprima.__main__ import main
from allaprima.train.data.batches import StepBatches
from allaprima.train.objective.temporal_consistency import TemporalConsistency
from tests.conftest import more_memory

FLAGS = ["--width", "4", "--residual-blocks", "1", "--crop-size", "32", "--loss-network", "vgg16"]
LAYERS = ["--content-layers", "relu1_2", "--style-layers", "relu1_1"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["allaprima", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_every_mistake_is_named_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "train", "--style-wieght", "3", "--lr", "fast", "--crop-size", "8") == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert "error: style_wieght is not a setting (did you mean style_weight?)" in errors
    assert any(line.startswith("error: lr is 'fast'") for line in errors)
    assert any(line.startswith("error: crop_size is '8'") for line in errors)


@pytest.mark.parametrize(
    "text", ["width: 3\n  style: [a\n b: {", "width: [1,\n2", "\tlr: 1\n", "lr: 'a\n\nb\n", "lr: *a\n"]
)
def test_yaml_that_cannot_be_read_is_one_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    assert run(monkeypatch, "train", "--config", str(tmp_path / "odd.yaml")) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith(f"error: {tmp_path / 'odd.yaml'}: not YAML: ")
    assert error.count("error:") == 1


def test_missing_inputs_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "train") == 2
    assert capsys.readouterr().err.count("error: ") == 2


def test_resume_refuses_settings_that_make_another_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("crop_size: 64\n")
    (tmp_path / "checkpoints").mkdir()
    torch.save({}, tmp_path / "checkpoints" / "5.ckpt")
    assert run(monkeypatch, "train", "--resume", str(tmp_path), "--width", "8", "--crop-size", "64") == 2
    assert "width cannot change when" in capsys.readouterr().err


def test_style_that_is_no_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    style = tmp_path / "style.jpg"
    style.write_text("not a picture")
    arguments = ["--style", str(style), "--content", str(tmp_path), "--output", str(tmp_path / "run")]
    assert run(monkeypatch, "train", *arguments) == 2
    assert "style.jpg' cannot be read: it is not a picture" in capsys.readouterr().err


def test_bench_writes_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bench.json"
    arguments = ["--steps", "2", "--warmup", "1", "--accelerator", "cpu", "--json", str(path)]
    assert run(monkeypatch, "bench", "train", *FLAGS, *LAYERS, *arguments) == 0
    measured = json.loads(path.read_text())
    assert measured["images_per_second"] == pytest.approx(2 / measured["seconds_per_step"])
    assert 0 <= measured["data_wait_share"] < 1
    assert measured["peak_memory_bytes"] > 10**8
    assert "images/s" in capsys.readouterr().out


def test_bench_measures_steadiness_too(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    compute = TemporalConsistency.__call__

    def counted(self: TemporalConsistency, *given: Any) -> Tensor:
        steps.append(given[-1])
        return compute(self, *given)

    monkeypatch.setattr(TemporalConsistency, "__call__", counted)
    arguments = ["--steps", "2", "--warmup", "1", "--accelerator", "cpu", "--temporal", "0.7"]
    assert run(monkeypatch, "bench", "train", *FLAGS, *LAYERS, *arguments) == 0
    assert steps[:3] == [0, 1, 2]


def test_an_empty_value_is_said_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "train", "--style", "", "--content", str(tmp_path)) == 2
    assert "UNSET" not in (error := capsys.readouterr().err)
    assert "style" in error


def test_bench_asks_for_its_file_before_it_measures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measuring = "allaprima.train.benchmark.measure"
    monkeypatch.setattr(measuring, lambda *_, **__: pytest.fail("measured"))
    assert run(monkeypatch, "bench", "train", "--json", "absent/bench.json") == 2
    assert "there is no folder 'absent'" in capsys.readouterr().err


def test_bench_reads_what_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = ["--content", str(tmp_path / "missing")]
    assert run(monkeypatch, "bench", "train", *FLAGS, *LAYERS, "--accelerator", "cpu", *content) == 2
    assert "missing' does not exist" in capsys.readouterr().err


def test_bench_says_what_needs_less_memory(
    monkeypatch: pytest.MonkeyPatch, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["1024" if flag == "32" else flag for flag in FLAGS]
    content = ["--content", str(photographs), "--cache", "off", "--workers", "0"]
    with more_memory(400_000_000):
        assert run(monkeypatch, "bench", "train", *flags, *LAYERS, "--accelerator", "cpu", *content) == 2
    error = capsys.readouterr().err
    assert "memory does not suffice" in error
    assert "lower --batch-size, --crop-size or --style-size" in error


def test_waiting_for_data_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photographs: Path) -> None:
    decode = StepBatches.__iter__

    def slow(self: StepBatches) -> Iterator[Tensor]:
        for batch in decode(self):
            time.sleep(0.3)
            yield batch

    monkeypatch.setattr(StepBatches, "__iter__", slow)
    path = tmp_path / "bench.json"
    arguments = ["--steps", "3", "--workers", "0", "--content", str(photographs), "--json", str(path)]
    assert run(monkeypatch, "bench", "train", *FLAGS, *LAYERS, "--accelerator", "cpu", *arguments) == 0
    measured = json.loads(path.read_text())
    assert measured["seconds_per_step"] > 0.3
    # All of the wait is counted as such, however long this machine takes for the rest of a step.
    assert measured["data_wait_share"] * measured["seconds_per_step"] > 0.2


def test_a_run_that_never_began_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, style_picture: Path
) -> None:
    root = tmp_path / "run"
    content = ["--content", str(tmp_path / "missing"), "--accelerator", "cpu"]
    assert run(monkeypatch, "train", "--style", str(style_picture), *content, "--output", str(root)) == 2
    assert not root.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["stylize", "--help"],
        ["styles", "--help"],
        ["optimize", "--help"],
        ["evaluate", "--help"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom allaprima.__main__ import build_app\n"
        f"build_app()({arguments!r}, result_action='return_value')\n"
        "print(sorted({'torch', 'lightning', 'datasets', 'torchvision', 'matplotlib'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
