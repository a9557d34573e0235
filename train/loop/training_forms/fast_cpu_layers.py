"""The same network in a form that is faster to train on a CPU, on the very same parameters."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from allaprima.models.layers import block_kernel
from allaprima.models.transformer import TransformerNetwork


def with_fast_cpu_layers(network: TransformerNetwork) -> TransformerNetwork:
    """Return a network that shares the parameters of this one and computes the same, up to rounding.

    A last convolution returns blocks of 2x2 pixels, as in inference, here with gradients; mirrored borders
    stay in the type of the map, where PyTorch's own padding turns bfloat16 into float32 under autocast.
    """
    shared = {id(parameter): parameter for parameter in network.parameters()}
    form = copy.deepcopy(network, shared)
    if isinstance(last := form.decoder[-1], nn.Conv2d):
        form.decoder[-1] = _SubPixelConv(last)
    _reflect_in_type(form)
    return form


class _SubPixelConv(nn.Module):
    """A convolution with mirrored border as one that returns blocks of 2x2 pixels."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` with even sides to `(B, out_channels, H, W)`."""
        before = self.weight.shape[-1] // 2
        kernel, bias = block_kernel(self.weight), self.bias.repeat_interleave(4)  # type: ignore[union-attr]
        mirrored = _ReflectionPad.apply(features, (before, before + 1))
        return F.pixel_shuffle(F.conv2d(mirrored, kernel, bias, stride=2), 2)


class _ReflectConv(nn.Conv2d):
    """A convolution whose border is mirrored in the type of the map."""

    def forward(self, input: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to `(B, out_channels, H / stride, W / stride)`."""
        border = self.kernel_size[0] // 2
        return F.conv2d(_ReflectionPad.apply(input, (border, border)), self.weight, self.bias, self.stride)


def _reflect_in_type(module: nn.Module) -> None:
    """Make every convolution with a mirrored border one of ours, in place."""
    for child in module.modules():
        if isinstance(child, nn.Conv2d) and child.padding_mode == "reflect":
            child.__class__ = _ReflectConv


class _ReflectionPad(torch.autograd.Function):
    """Reflection padding."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, border: tuple[int, int]) -> Tensor:
        """Return `(B, C, H + before + after, W + before + after)`; `border` is `(before, after)`."""
        ctx.border = border
        batch, channels, height, width = features.shape
        before, after = border
        wide = features.new_empty(batch, channels, height + before + after, width + before + after)
        rows = wide[..., before : before + height, :]
        rows[..., before : before + width].copy_(features)
        for target, source in _mirrored(before, after, width):
            rows[..., target].copy_(rows[..., source])
        for target, source in _mirrored(before, after, height):
            wide[..., target, :].copy_(wide[..., source, :])
        return wide

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient, `(B, C, H, W)`: what the border got goes to where it came from."""
        (wide,) = gradients
        before, after = ctx.border
        height, width = wide.shape[-2] - before - after, wide.shape[-1] - before - after
        rows = wide[..., before : before + height, :].clone()
        for target, source in _mirrored(before, after, height):
            rows[..., source - before, :].add_(wide[..., target, :])
        gradient = rows[..., before : before + width].contiguous()
        for target, source in _mirrored(before, after, width):
            gradient[..., source - before].add_(rows[..., target])
        return gradient, None


def _mirrored(before: int, after: int, size: int) -> list[tuple[int, int]]:
    """Return pairs of a line in the border and the line that it repeats, counted in the wider map."""
    last = before + size - 1
    first_side = [(before - step, before + step) for step in range(1, before + 1)]
    return first_side + [(last + step, last - step) for step in range(1, after + 1)]
