"""The command line that a run can be repeated with."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from allaprima.models.network_settings import NETWORKS, NetworkSettings

from .data.sources import names_data_set
from .settings.config import TrainConfig

_PLACES = ("output", "cache_dir")
"""Where a machine keeps its files, which nobody else needs to know."""


def training_command(config: TrainConfig) -> str:
    """Return the `allaprima train` line of these settings, as far as they are not the defaults.

    Paths are reduced to their last part: a style file goes to others, who have no use for a machine's
    folders. A setting that a configuration file switched off (`style_size: null`) has no flag and is left
    out.
    """
    named = TrainConfig(loss_preset=config.loss_preset, network=config.network)
    defaults = named.to_dict() | {"loss_preset": None, "network": TrainConfig().network}
    return shlex.join(["allaprima", "train", *flags_for(portable(config.to_dict()), defaults)])


def portable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that were given, for others to read: without this machine's folders."""
    given = {name: value for name, value in values.items() if value is not None}
    return {name: _last_part(name, value) for name, value in given.items() if name not in _PLACES}


def flags_for(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line for the settings that are not the defaults."""
    return [word for name, value in values.items() if value != defaults[name] for word in _flag(name, value)]


def network_flags(network: NetworkSettings) -> str:
    """Return the flags of a training run of such a network: its name, or its parts where it has none."""
    for name, named in NETWORKS.items():
        if network == named:
            return f"--network {name}"
    return " ".join(word for name, value in network for word in _flag(name, value))


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", ",".join(value) if isinstance(value, list) else str(value)]


def _last_part(name: str, value: Any) -> Any:
    """Return a value without its folders, unless it is the name of a data set on the hub."""
    if name in ("style", "init", "loss_weights"):
        return Path(value).name
    if name in ("content", "paintings") and not names_data_set(value):
        return Path(value).name or value
    return value
