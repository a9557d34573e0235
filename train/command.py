"""The command line that a run can be repeated with."""

import shlex
from pathlib import Path
from typing import Any

from .config import TrainConfig
from .data.sources import names_data_set

_PLACES = ("output", "cache_dir")
"""Where a machine keeps its files, which nobody else needs to know."""


def training_command(config: TrainConfig) -> str:
    """Return the `allaprima train` line of these settings, as far as they are not the defaults.

    Paths are reduced to their last part: a style file goes to others, who have no use for a machine's
    folders. A setting that a configuration file switched off (`style_size: null`) has no flag and is left
    out.
    """
    values = config.to_dict()
    defaults = TrainConfig(loss_preset=config.loss_preset).to_dict() | {"loss_preset": None}
    words = ["allaprima", "train"]
    for name, value in values.items():
        if value is not None and value != defaults[name] and name not in _PLACES:
            words += _flag(name, _last_part(name, value))
    return shlex.join(words)


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", ",".join(value) if isinstance(value, list) else str(value)]


def _last_part(name: str, value: Any) -> Any:
    """Return a value without its folders, unless it is the name of a data set on the hub."""
    if name in ("style", "init", "loss_weights"):
        return Path(value).name
    if name == "content" and not names_data_set(value):
        return Path(value).name or value
    return value
