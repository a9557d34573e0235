"""The command line in a style file: it gives the same settings, and no machine's folders."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from allaprima.__main__ import build_app
from allaprima.train.reproducing_command import training_command
from allaprima.train.settings.flags_from_settings import typed_settings
from allaprima.train.settings.parsing import load_config

CONFIGS = Path(__file__).parents[2] / "configs"


def parsed(command: str) -> dict[str, Any]:
    """Return the settings that a command line gives."""
    _, bound, _ = build_app().parse_args(shlex.split(command)[1:], exit_on_error=False)
    settings = load_config(None, typed_settings(bound.arguments.get("settings"), {}))
    return settings.to_dict()


@pytest.mark.parametrize(
    ("file", "values"),
    [
        (None, {}),
        ("quick.yaml", {"max_time": "1h30m", "init": "great-wave"}),
        ("paper.yaml", {"strength": "0.5", "compile": False, "channels_last": True, "stream": True}),
        (None, {"loss_preset": "gatys", "content_layers": "relu3_1", "style_size": 100}),
        (None, {"content_weight": 1, "style_weight": 1e5, "style_layers": ["relu1_1", "relu2_1"]}),
        (
            None,
            {"content": "owner/photographs:small", "image_column": "the picture", "author": "A. O'Painter"},
        ),
    ],
)
def test_it_gives_the_same_settings(file: str | None, values: dict[str, Any]) -> None:
    config = load_config(
        CONFIGS / file if file else None, {"style": "night at sea.jpg", "content": "photos", **values}
    )
    assert parsed(training_command(config)) == config.to_dict()


def test_defaults_are_not_said() -> None:
    config = load_config(CONFIGS / "default.yaml", {"style": "a.jpg", "content": "b", "crop_size": "320"})
    assert training_command(config) == "allaprima train --style a.jpg --content b"


def test_it_tells_of_no_folder(tmp_path: Path) -> None:
    (tmp_path / "secret" / "photographs").mkdir(parents=True)
    secret = str(tmp_path / "secret")
    paths = {
        "style": f"{secret}/night.jpg",
        "init": f"{secret}/wave.safetensors",
        "loss_weights": f"{secret}/vgg19.pth",
        "output": f"{secret}/run",
        "cache_dir": f"{secret}/cache",
    }
    command = (
        "allaprima train --style night.jpg --content {} --init wave.safetensors --loss-weights vgg19.pth"
    )
    for content, name in (
        ("photographs", "photographs"),
        ("photographs/", "photographs"),
        ("*.tar", "'*.tar'"),
    ):
        config = load_config(None, {**paths, "content": f"{secret}/{content}"})
        assert training_command(config) == command.format(name)


def test_a_relative_folder_is_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(None, {"content": "secret/photographs"})
    assert training_command(config) == "allaprima train --content secret/photographs"
    Path("secret/photographs").mkdir(parents=True)
    assert training_command(config) == "allaprima train --content photographs"
