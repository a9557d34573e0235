"""The command line that a run can be repeated with."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from allaprima.models.network_presets import NETWORKS
from allaprima.models.network_settings import NetworkSettings

from .data.sources import names_data_set
from .settings.config import RunConfig
from .settings.durations import plain_values
from .settings.field_metadata import Mark, marked


def training_command(config: RunConfig, command: str = "train") -> str:
    """Return the `allaprima train` line of these settings, as far as they are not the defaults.

    Or that of another command whose settings are a kind of these.

    Paths are reduced to their last part: a style file goes to others, who have no use for a machine's
    folders. A setting that a configuration file switched off (`style_size: null`) has no flag and is left
    out.
    """
    kind, values = type(config), portable(config)
    defaults = kind(loss_preset=config.loss_preset, network=config.network).to_dict()
    defaults |= {"loss_preset": None, "network": kind().network}
    return shlex.join(["allaprima", command, *flags_for(values, defaults)])


def portable(settings: BaseModel) -> dict[str, Any]:
    """Return the settings that have a value, for others to read: without this machine's folders."""
    kind = type(settings)
    places, files, sources = (marked(kind, mark) for mark in (Mark.PLACE, Mark.FILE, Mark.SOURCE))
    values = {name: value for name, value in plain_values(settings).items() if value is not None}
    for name in values.keys() & (files | sources):
        if name in files or not names_data_set(values[name]):
            values[name] = Path(values[name]).name or values[name]
    return {name: value for name, value in values.items() if name not in places}


def flags_for(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line for the settings that are not the defaults."""
    return [word for name, value in values.items() if value != defaults[name] for word in _flag(name, value)]


def network_flags(network: NetworkSettings) -> str:
    """Return the flags of a run that trains such a network: its name, or what defines it."""
    for name, named in NETWORKS.items():
        if network == named:
            return f"--network {name}"
    return " ".join(word for name, value in network for word in _flag(name, value))


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", ",".join(value) if isinstance(value, list) else str(value)]
