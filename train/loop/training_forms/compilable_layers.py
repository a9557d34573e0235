"""The same network in a form that compiles to fast kernels, on the very same parameters."""

import copy

import torch
from torch import Tensor, nn

from allaprima.models.layers import UpsampleBlock
from allaprima.models.transformer import TransformerNetwork


def with_compilable_layers(network: TransformerNetwork) -> TransformerNetwork:
    """Return a network that shares the parameters of this one and computes the same, up to rounding.

    Blur and bilinear enlargement become sums of neighbours, one kernel with what is near them: PyTorch's own
    enlargement adds up its gradient atomically, and 2.11 cannot compile that of the padding before the blur.
    Normalisation becomes plain means, which need no other memory layout.
    """
    shared = {id(parameter): parameter for parameter in network.parameters()}
    form = copy.deepcopy(network, shared)
    for sequence in [module for module in form.modules() if isinstance(module, nn.Sequential)]:
        for index, module in enumerate(sequence):
            if isinstance(module, nn.InstanceNorm2d):
                sequence[index] = _Normalization(module)
            elif isinstance(module, UpsampleBlock) and module.upsampling == "bilinear":
                module.__class__ = _SeparableUpsampleBlock
    return form


class _Normalization(nn.Module):
    """Instance normalisation, with means and deviations in float32 where the maps are narrower."""

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to the same."""
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        variance, mean = torch.var_mean(wide, (2, 3), correction=0, keepdim=True)  # (B, C, 1, 1)
        scale = self.weight[:, None, None] * torch.rsqrt(variance + self.eps)
        return ((wide - mean) * scale + self.bias[:, None, None]).to(features.dtype)


class _SeparableUpsampleBlock(UpsampleBlock):
    """An `UpsampleBlock` that blurs and enlarges bilinearly, row by row and column by column."""

    def enlarge(self, maps: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to `(B, C, 2H, 2W)`."""
        return _blurred_and_doubled(_blurred_and_doubled(maps, 2), 3)


def _blurred_and_doubled(x: Tensor, dim: int) -> Tensor:
    """Return maps of twice the height (`dim` 2) or width (3): [1 2 1] / 4, then bilinear enlargement."""
    before, after = _neighbours(x, dim)
    x = 0.25 * before + 0.5 * x + 0.25 * after
    before, after = _neighbours(x, dim)
    pairs = torch.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], dim + 1)
    return pairs.flatten(dim, dim + 1)


def _neighbours(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return what comes before and after each position, the border's own value beyond it."""
    size = x.shape[dim]
    before = torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, size - 1)], dim)
    after = torch.cat([x.narrow(dim, 1, size - 1), x.narrow(dim, size - 1, 1)], dim)
    return before, after
