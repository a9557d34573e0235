"""Instance normalisation whose statistics come from elsewhere than the tile that it normalises."""

import torch
from torch import Tensor, nn

from allaprima.infer.network.normalization import ChannelsLastInstanceNorm


class Moments:
    """Mean and variance of each channel of a map that comes in tiles (Chan et al. 1979), in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(1, dtype=torch.float64)
        self._deviations = torch.zeros(1, dtype=torch.float64)

    @property
    def variance(self) -> Tensor:
        """Of the whole, not of a sample."""
        return self._deviations / self.count

    def add(self, features: Tensor) -> None:
        """Take one picture's tile in, `(1, C, H, W)`."""
        count = features.shape[2] * features.shape[3]
        mean = features.float().mean((2, 3), keepdim=True)
        deviations = (features - mean).square_().sum((0, 2, 3)).double().cpu()
        apart = mean.flatten().double().cpu() - self.mean
        total = self.count + count
        self._deviations = self._deviations + deviations + apart.square() * (self.count * count / total)
        self.mean = self.mean + apart * (count / total)
        self.count = total


class FixedNorm(nn.Module):
    """Instance normalisation with statistics that are set; before that it leaves a map as it is.

    Args:
        norm: What it stands in for.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.InstanceNorm2d | ChannelsLastInstanceNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.register_buffer("weight", norm.weight.detach().flatten()[:, None, None].clone())
        self.register_buffer("bias", norm.bias.detach().flatten()[:, None, None].clone())
        self.register_buffer("scale", torch.ones_like(self.weight))
        self.register_buffer("shift", torch.zeros_like(self.bias))

    def fix(self, moments: Moments) -> None:
        """Set the statistics."""
        mean, variance = (
            value[:, None, None].to(self.weight.device) for value in (moments.mean, moments.variance)
        )
        scale = self.weight.double() * torch.rsqrt(variance + self.eps)
        self.scale.copy_(scale)
        self.shift.copy_(self.bias.double() - mean * scale)

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to the same."""
        return torch.addcmul(self.shift, features.float(), self.scale).to(features.dtype)


def fix_norms(module: nn.Module) -> None:
    """Put a `FixedNorm` in the place of every instance normalisation in a module."""
    for name, child in module.named_children():
        if isinstance(child, nn.InstanceNorm2d | ChannelsLastInstanceNorm):
            setattr(module, name, FixedNorm(child))
        else:
            fix_norms(child)
