"""The end of the transformer network: from any real number to a value in or near [0, 1]."""

from typing import Any

import torch
from torch import Tensor

OVERSHOOT = 1.1
"""How far the output's tanh reaches past [0, 1], so that 0 and 1 are attained at finite activations."""

LIMIT = 2.0
"""Activations beyond this, far past where 0 and 1 are attained (1.52), are drawn back in training."""


def squash(x: Tensor) -> Tensor:
    """Return values in [0, 1], with an overshoot of 5 % on both sides, by a tanh."""
    return 0.5 + 0.5 * OVERSHOOT * torch.tanh(x)


def squash_and_draw_back(x: Tensor) -> Tensor:
    """Return the same; its gradient draws back activations that the tanh has made deaf.

    At -50 a tanh passes no gradient on, so a spot that is once that black stays black, whatever the losses
    say, and since nothing stops it it becomes a spike that normalisation feeds on: round black blobs in the
    dark parts of pictures.
    """
    painted: Tensor = _DrawnBack.apply(x)
    return painted


class _DrawnBack(torch.autograd.Function):
    """`squash`, plus the gradient of 1/2 (|x| - LIMIT)^2 beyond LIMIT, in units of the mean gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return `squash(x)`."""
        ctx.save_for_backward(x)
        return squash(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient of the activations."""
        (x,) = ctx.saved_tensors
        slope = 0.5 * OVERSHOOT * (1 - torch.tanh(x).square())
        excess = x - x.clamp(-LIMIT, LIMIT)
        gradient: Tensor = gradients[0] * slope + gradients[0].abs().mean() * excess
        return gradient
