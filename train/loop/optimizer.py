"""The optimiser of a transformer network."""

from collections.abc import Iterable

import torch
from torch import nn

from allaprima.models.transformer import TransformerNetwork
from allaprima.train.settings.config import OptimizerSettings

from .muon import Muon

PEAK = {"muon": 1e-2, "adam": 2e-3}
"""Learning rates from random weights, each the best of those tried (docs/experiments.md)."""

PEAK_OF_TRAINED = PEAK | {"muon": 5e-3}
"""Learning rates from trained weights: at 1e-2 Muon leads away from them, by 40 degrees in 1,900 steps."""

BESIDE_MUON = 1e-3
"""Learning rate of Adam beside Muon, but no more than a fifth of Muon's."""


def peak_learning_rate(settings: OptimizerSettings, *, from_trained: bool) -> float:
    """Return the learning rate that was asked for, or the best known one.

    Args:
        settings: Which optimiser, and its learning rate if one is given.
        from_trained: Whether training begins with trained weights instead of random ones.
    """
    return settings.lr or (PEAK_OF_TRAINED if from_trained else PEAK)[settings.optimizer]


def network_optimizer(
    network: TransformerNetwork,
    settings: OptimizerSettings,
    normalization_of_styles: Iterable[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """Return the optimiser of some settings for all parameters of a network.

    Muon takes the kernels between feature maps. The first and the last convolution, which mix colours, biases
    and normalisation are Adam's. Muon's kernels alone decay: a normalisation follows, so that their size says
    nothing but how far a step turns them.

    Args:
        network: What learns.
        settings: Which optimiser, and its learning rate; where none is given, that from random weights.
        normalization_of_styles: Parameters of single styles among many. They learn in a few steps only, so
            with Muon they have the kernels' rate: at 1e-3 13 styles looked alike after 450 steps.
    """
    peak = peak_learning_rate(settings, from_trained=False)
    styles = list(normalization_of_styles)
    if settings.optimizer == "adam":
        parameters = [*network.parameters(), *styles]
        return torch.optim.AdamW(parameters, lr=peak, weight_decay=settings.weight_decay)
    _, *inner, _ = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    kernels = [module.weight for module in inner]
    taken = {id(kernel) for kernel in kernels}
    others = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    groups = [
        {"params": kernels, "lr": peak, "orthogonal": True},
        {"params": others, "lr": min(BESIDE_MUON, peak / 5), "orthogonal": False, "weight_decay": 0.0},
        {"params": styles, "lr": peak, "orthogonal": False, "weight_decay": 0.0},
    ]
    return Muon([group for group in groups if group["params"]], weight_decay=settings.weight_decay)
