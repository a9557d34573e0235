"""`allaprima distill`, end to end with small pictures and made-up VGG weights."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from allaprima.__main__ import build_app
from allaprima.models.loss.compact import METADATA_KEY
from allaprima.models.loss.loss_weights import load_loss_weights
from allaprima.train.distill import run
from allaprima.train.distill.cli import distill
from allaprima.train.distill.config import RESULT
from allaprima.train.distill.distillation_module import DistillModule
from allaprima.train.distill.student import LAYERS
from allaprima.train.objective.prepare_objective import load_loss_network
from allaprima.train.settings.config import LossSettings
from allaprima.train.settings.parsing import ConfigError
from tests.conftest import ROOT, more_memory

COMPACT = ROOT / "models" / "loss" / "compact.safetensors"
MakeWeights = Callable[[str], dict[str, Tensor]]


@pytest.fixture(scope="module")
def vgg_file(random_weights: MakeWeights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file({name: tensor.half() for name, tensor in random_weights("vgg19").items()}, path)
    return path


def test_a_few_steps_bring_the_errors_down(
    vgg_file: Path,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "FITTED_PIXELS", 16 * 32**2)
    settings = {
        "content": str(photographs),
        "loss_weights": vgg_file,
        "output": tmp_path / "run",
        "crop_size": 32,
        "batch_size": 2,
        "max_steps": 10,
        "save_every": 5,
        "cache_dir": tmp_path / "cache",
    }
    assert distill(settings=settings) == 0
    result = tmp_path / "run" / "compact.safetensors"
    assert f"compact network: {result}" in capsys.readouterr().out
    with (tmp_path / "run" / "metrics.csv").open() as file:
        totals = [float(row["val/total"]) for row in csv.DictReader(file) if row["val/total"]]
    assert totals[-1] < totals[0]
    with safe_open(result, framework="pt") as stored:
        card = json.loads(stored.metadata()[METADATA_KEY])
    assert card["steps"] == 10
    assert card["errors"]["gram"].keys() == set(LAYERS)
    page = (tmp_path / "run" / "README.md").read_text()
    assert " | ".join(f"{value:.4f}" for value in card["errors"]["style"]["relu4_1"].values()) in page
    (command,) = re.findall(r"^allaprima (distill .*)$", page, re.MULTILINE)
    _, bound, _ = build_app().parse_args(command, exit_on_error=False)
    assert int(bound.arguments["settings"]["max_steps"]) == 10
    assert card["settings"]["content"] == photographs.name  # and no folder of this machine
    network = load_loss_network(LossSettings(loss_network="compact", loss_weights=result))
    assert network(torch.rand(1, 3, 32, 32))["relu4_1"].shape == (1, 512, 4, 4)
    again = {**settings, "init": result, "output": tmp_path / "again", "max_steps": 1, "lr": 1e-9}
    assert distill(settings=again) == 0
    for name, tensor in load_loss_weights("compact", tmp_path / "again" / "compact.safetensors").items():
        torch.testing.assert_close(tensor, load_loss_weights("compact", result)[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("pictures", "changes", "message"),
    [
        (19, {}, "give at least 20 photographs, of which a tenth is held out"),
        (20, {"batch_size": 1}, r"batch_size is 1; .*: give 2 or more"),
        (20, {"val_pictures": 1}, r"val_pictures is 1; .*: give 2 or more"),
    ],
)
def test_errors_between_two_pictures_need_two(
    vgg_file: Path, photographs: Path, tmp_path: Path, pictures: int, changes: dict[str, int], message: str
) -> None:
    """A picture held against itself would be without any error."""
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(photographs.iterdir())[:pictures]:
        shutil.copy(path, few)
    settings = {"content": str(few), "loss_weights": vgg_file, "init": COMPACT, "output": tmp_path / "run"}
    small = {"crop_size": 32, "batch_size": 2, "cache": "off", "workers": 0}
    with pytest.raises(ValueError, match=message):
        distill(settings={**settings, **small, **changes})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_its_result(
    number: int,
    code: int,
    vgg_file: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compute = DistillModule.training_step

    def interrupted(self: DistillModule, batch: Tensor, batch_idx: int) -> Tensor:
        if self.global_step == 2:
            os.kill(os.getpid(), number)
        return compute(self, batch, batch_idx)

    monkeypatch.setattr(DistillModule, "training_step", interrupted)
    settings = {
        **{"content": str(photographs), "loss_weights": vgg_file, "output": tmp_path / "run"},
        **{"crop_size": 32, "batch_size": 2, "max_steps": 20, "save_every": 10, "init": COMPACT},
        "cache_dir": tmp_path / "cache",
    }
    assert distill(settings=settings) == code
    with safe_open(tmp_path / "run" / "compact.safetensors", framework="pt") as stored:
        assert json.loads(stored.metadata()[METADATA_KEY])["steps"] == 3
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.slow
def test_a_killed_run_leaves_a_whole_result_and_no_processes(
    vgg_file: Path, photographs: Path, tmp_path: Path
) -> None:
    """It is not resumed: its result is gone on from in a new folder, as is said."""
    settings = {"content": photographs, "loss_weights": vgg_file, "crop_size": 32, "batch_size": 2}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    result = tmp_path / "run" / RESULT
    more = (f"--output={result.parent}", f"--init={COMPACT}", "--save-every=1", "--workers=2", "--cache=off")
    process = subprocess.Popen([sys.executable, "-m", "allaprima", "distill", *flags, *more])
    while not result.exists():
        assert process.poll() is None
        time.sleep(0.01)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3  # the fork server and its workers
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    for orphan in alive:
        orphan.kill()
    assert not alive
    before = load_loss_weights("compact", result)
    with pytest.raises(FileExistsError, match=f"--init {re.escape(str(result))} goes on from its result"):
        distill(settings={**settings, "content": str(photographs), "output": result.parent})
    again = {"content": str(photographs), "init": result, "output": tmp_path / "again", "max_steps": 1}
    assert distill(settings={**settings, **again, "lr": 1e-9, "cache": "off", "workers": 0}) == 0
    for name, tensor in load_loss_weights("compact", tmp_path / "again" / RESULT).items():
        torch.testing.assert_close(tensor, before[name], rtol=1e-3, atol=1e-6)


def test_pictures_that_stop_coming_are_a_message(
    vgg_file: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed")

    monkeypatch.setattr(DistillModule, "training_step", fail)
    settings = {
        **{"content": str(photographs), "loss_weights": vgg_file, "output": tmp_path / "run"},
        **{"crop_size": 32, "batch_size": 2, "cache": "off", "workers": 0, "init": COMPACT},
    }
    assert distill(settings=settings) == 1
    assert "error: the pictures stopped coming: DataLoader worker (pid 7)" in capsys.readouterr().err


def test_memory_that_does_not_suffice_is_a_message(vgg_file: Path, photographs: Path, tmp_path: Path) -> None:
    settings = {
        **{"content": str(photographs), "loss_weights": vgg_file, "output": tmp_path / "run"},
        **{"crop_size": 1024, "batch_size": 2, "cache": "off", "workers": 0, "init": COMPACT},
    }
    with more_memory(700_000_000), pytest.raises(MemoryError, match="lower --batch-size or --crop-size"):
        distill(settings=settings)


def test_mistakes_are_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"content is missing: give a folder of photographs"):
        distill(settings={"output": tmp_path / "run"})
    with pytest.raises(ConfigError, match=r"painter_stps is not a setting \(did you mean painter_steps\?\)"):
        distill(painter_stps="3")
    with pytest.raises(FileNotFoundError, match=r"'none\.safetensors' does not exist"):
        distill(settings={"content": "photographs", "init": "none.safetensors", "output": tmp_path / "run"})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine.txt").write_text("a letter")
    with pytest.raises(FileExistsError, match=r"is not empty: name a new folder with --output"):
        distill(settings={"content": "photographs", "output": tmp_path})
    for output in (tmp_path / "mine.txt", tmp_path / "mine.txt" / "run"):
        with pytest.raises(FileExistsError, match=r"mine.txt' is a file; name a new folder with --output"):
            distill(settings={"content": "photographs", "output": output})
