"""What a run needs at its end is tried at its start."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from allaprima.models.style_file import load_style, read_header
from allaprima.train.run_folder import open_run_folder
from allaprima.train.settings.parsing import load_config
from allaprima.train.style_run import resume_style, train_style


@pytest.fixture
def settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run that takes a second, but for the style picture."""
    rest = {name: value for name, value in settings.items() if name not in ("style", "cache_dir")}
    return {**rest, "max_steps": 2, "cache": "off", "workers": 0}


def test_names_that_are_no_text_are_trained_and_saved(
    settings: dict[str, Any], photographs: Path, style_picture: Path, tmp_path: Path
) -> None:
    style, content = (tmp_path / os.fsdecode(name) for name in (b"caf\xe9.png", b"photos-\xe9"))
    try:
        shutil.copy(style_picture, style)
        shutil.copytree(photographs, content)
    except OSError:
        pytest.skip("this file system has no such names")
    config = load_config(None, {**settings, "style": str(style), "content": str(content), "author": "\udce9"})
    trained = train_style(config.model_copy(update={"output": tmp_path / "run"}))
    header = load_style(trained.style_file).header
    assert header.style_name == r"caf\udce9.png"
    assert r"photos-\udce9" in header.command
    assert open_run_folder(tmp_path / "run")[1].content == str(content)


def test_a_name_that_is_too_long_is_refused_before_the_photographs_are_read(
    settings: dict[str, Any], style_picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allaprima.train.run_setup.ContentDataModule", lambda *_, **__: pytest.fail("read"))
    style = tmp_path / f"{'a' * 246}.png"
    shutil.copy(style_picture, style)
    config = load_config(None, {**settings, "style": str(style), "output": tmp_path / "run"})
    with pytest.raises(OSError, match=r"cannot write '.*a\.safetensors': file name too long"):
        train_style(config)


def test_a_disk_without_room_for_the_style_is_told_before_the_training(
    settings: dict[str, Any], style_picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(None, {**settings, "style": str(style_picture), "output": tmp_path / "run"})
    full = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr("allaprima.train.run_folder.NEEDED_BYTES", 0)
    monkeypatch.setattr("allaprima.atomic.shutil.disk_usage", lambda _: full)
    monkeypatch.setattr("lightning.Trainer.fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(OSError, match="0 MB are free, it needs"):
        train_style(config)


def test_an_earlier_style_stays_until_there_is_another(
    settings: dict[str, Any], style_picture: Path, tmp_path: Path
) -> None:
    changes = {"style": str(style_picture), "checkpoint_every": 1, "output": tmp_path / "run"}
    trained = train_style(load_config(None, {**settings, **changes}))
    assert read_header(resume_style(tmp_path / "run", {"max_steps": 3}).style_file).steps == 3
    files = [path for path in trained.style_file.parent.iterdir() if path.is_file()]
    suffixes = sorted(path.suffix for path in files if path.suffix)  # the lock has none
    assert suffixes == [".png", ".safetensors", ".yaml"]
