"""The optimiser of a transformer network."""

from collections.abc import Iterable

import torch
from torch import nn

from allaprima.models.transformer import TransformerNetwork
from allaprima.train.settings.config import OptimizerSettings

from .muon import Muon

PEAK = {"muon": 1e-2, "adam": 2e-3}
"""Learning rates, each the best of those tried (docs/quality.md)."""

OTHERS_SHARE = 0.1
"""Learning rate of Adam beside Muon, as a share of Muon's."""


def network_optimizer(
    network: TransformerNetwork, settings: OptimizerSettings, more: Iterable[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return the optimiser of some settings for all parameters of a network, and some more.

    Muon takes the kernels between feature maps. The first and the last convolution, which mix colours, biases
    and normalisation are Adam's.
    """
    peak = settings.lr or PEAK[settings.optimizer]
    if settings.optimizer == "adam":
        return torch.optim.AdamW([*network.parameters(), *more], lr=peak, weight_decay=settings.weight_decay)
    _, *inner, _ = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    kernels = [module.weight for module in inner]
    taken = {id(kernel) for kernel in kernels}
    others = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    return Muon(
        kernels, [*others, *more], lr=peak, others_lr=OTHERS_SHARE * peak, weight_decay=settings.weight_decay
    )
