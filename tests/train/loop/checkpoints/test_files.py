"""Whole checkpoints: every byte counts, the newest is never removed, foreign ones are explained."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer

from allaprima.train.loop.checkpoints.files import checkpoint_to_resume, is_whole, newest_whole
from allaprima.train.loop.checkpoints.writing import keep_newest
from tests.train.test_style_run import resume, start


def checkpoint(path: Path, value: float = 1.0) -> Path:
    path.parent.mkdir(exist_ok=True)
    torch.save({"state_dict": {"weight": torch.full((64, 64), value)}, "loss_weights": {}}, path)
    return path


def zero_pixels(path: Path) -> None:
    """Fill the tensor's data with zeros, the directory of the archive left as it is."""
    data = path.read_bytes()
    values = torch.full((64, 64), 1.0).numpy().tobytes()
    assert values in data
    path.write_bytes(data.replace(values, b"\0" * len(values)))


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "zeroed": zero_pixels,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "another file": lambda path: path.write_text("checkpoint"),
    "an empty archive": lambda path: zipfile.ZipFile(path, "w").close(),
    "one bit": lambda path: path.write_bytes(
        path.read_bytes().replace(b"\0\0\x80\x3f" * 64, b"\0\0\x80\x3f" * 63 + b"\0\0\x80\x3e", 1)
    ),
    "a folder": into_folder,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    older, newer = checkpoint(tmp_path / "100.ckpt"), checkpoint(tmp_path / "200.ckpt")
    assert is_whole(newer)
    DAMAGE[damage](newer)
    assert not is_whole(newer)
    assert checkpoint_to_resume(tmp_path) == older
    assert caplog.messages == [f"checkpoint '{newer}' is damaged and left out: going on from step 100"]


def test_the_newest_whole_one_is_never_removed(tmp_path: Path) -> None:
    checkpoint(tmp_path / "50.ckpt")
    older, newer = checkpoint(tmp_path / "100.ckpt"), checkpoint(tmp_path / "200.ckpt")
    zero_pixels(newer)
    pruning, _ = keep_newest(tmp_path, 1)
    unused: Any = None
    pruning.on_save_checkpoint(unused, unused, {})
    assert list(tmp_path.iterdir()) == [older]
    assert newest_whole(tmp_path) == older


def test_a_damaged_last_checkpoint_is_written_again(settings: dict[str, Any], tmp_path: Path) -> None:
    start(settings, tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "6.ckpt"
    expected = torch.load(last, weights_only=True)["state_dict"]
    last.write_bytes(last.read_bytes()[:-100])
    resume(tmp_path / "run", checkpoint_every=1000)
    again = torch.load(last, weights_only=True)["state_dict"]
    assert all(torch.equal(expected[name], again[name]) for name in expected)


def renamed(state: dict[str, Any]) -> None:
    state["state_dict"] = {f"other.{name}": value for name, value in state["state_dict"].items()}


def reshaped(state: dict[str, Any]) -> None:
    state["state_dict"] = {name: value[..., :1] for name, value in state["state_dict"].items()}


def foreign_optimizer(state: dict[str, Any]) -> None:
    for memory in state["optimizer_states"][0]["state"].values():
        for name, value in memory.items():
            if isinstance(value, torch.Tensor) and value.numel() > 1:
                memory[name] = torch.zeros(7, 7)


FOREIGN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "other names": renamed,
    "other shapes": reshaped,
    "another optimiser": foreign_optimizer,
    "no weights": lambda state: state.pop("state_dict"),
    "no optimiser": lambda state: state.pop("optimizer_states"),
    "no loops": lambda state: state.pop("loops"),
    "no clock": lambda state: state["callbacks"]["RunLimits"].clear(),
    "no version": lambda state: state.pop("pytorch-lightning_version"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the run is that the tests below copy; the first of them makes it."""
    return {"root": tmp_path_factory.mktemp("trained") / "run"}


@pytest.mark.parametrize("change", FOREIGN)
def test_foreign_checkpoints_are_explained(
    change: str, trained: dict[str, Path], settings: dict[str, Any], tmp_path: Path
) -> None:
    if not trained["root"].exists():
        start(settings, trained["root"], max_steps=2)
    root = tmp_path / "run"
    shutil.copytree(trained["root"], root)
    newest = root / "checkpoints" / "2.ckpt"
    state = torch.load(newest, weights_only=True)
    FOREIGN[change](state)
    torch.save(state, newest)
    with pytest.raises(ValueError, match=r"2.ckpt' cannot be gone on from: it is damaged or from another"):
        resume(root, max_steps=4)


def test_what_only_looks_like_a_checkpoint_disturbs_nothing(tmp_path: Path) -> None:
    """A pipe would be waited for, not all digits are numbers, and a folder cannot be removed as a file."""
    whole = checkpoint(tmp_path / "1.ckpt")
    (tmp_path / "\u00b2.ckpt").touch()
    (tmp_path / "9.ckpt").mkdir()
    os.mkfifo(tmp_path / "8.ckpt")
    assert checkpoint_to_resume(tmp_path) == whole
    pruning, _ = keep_newest(tmp_path, 1)
    pruning.on_save_checkpoint(Trainer(logger=False), LightningModule(), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.ckpt", "9.ckpt", "\u00b2.ckpt"]
