"""Where the weights of a new run come from."""

from pathlib import Path

import torch

from allaprima.models.network_settings import NetworkSettings
from allaprima.models.pretrained import base_for
from allaprima.models.style_file import load_style, read_header
from allaprima.models.transformer import TransformerNetwork

from .reproducing_command import network_flags
from .settings.config import BASE, RANDOM


def initial_file(init: Path | None, settings: NetworkSettings) -> Path | None:
    """Return the style file to start from, or None for random weights.

    Args:
        init: A style file or a bundled style, `base` for the package's network for new styles, `none` for
            random weights; not given, `base` where there is one for such a network.
        settings: The network.

    Raises:
        FileNotFoundError: If there is no such file or style.
        ValueError: If it is no style file, of another network, or there is no base for such a network.
    """
    if init in (None, BASE):
        base = base_for(settings)
        if base is None and init is not None:
            raise ValueError(
                f"there is no base for this network ({settings}): leave out --init, or name a style file"
            )
        return base
    if init == RANDOM:
        return None
    stored = read_header(init).network
    if stored != settings:
        raise ValueError(
            f"init '{init}' has another network ({stored}) than this run ({settings}): give "
            f"{network_flags(stored)}, or another file"
        )
    return init


def initial_network(file: Path | None, settings: NetworkSettings, seed: int) -> TransformerNetwork:
    """Return the network that a new run trains, with the weights of what `initial_file` found."""
    torch.manual_seed(seed)
    network = TransformerNetwork(**settings.model_dump())
    if file is not None:
        network.load_state_dict(load_style(file).network.state_dict())
    return network
