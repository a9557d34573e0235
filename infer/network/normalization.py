"""The layout that suits a device, and instance normalisation of maps whose channels lie side by side."""

import torch
from torch import Tensor, nn

from allaprima.models.transformer import TransformerNetwork


def in_best_layout(
    network: TransformerNetwork, device_type: str, dtype: torch.dtype
) -> tuple[TransformerNetwork, torch.memory_format]:
    """Return the network, changed in place, and the layout that it is fastest in.

    Half precision is channels last everywhere: on a CPU without units for it other convolutions took 12
    times as long. In float32 a CPU takes 0.8 of the time that way, with our normalisation (docs/speed.md).
    """
    half = dtype.itemsize < 4
    if device_type == "cpu" and not half:
        normalize_channels_last(network)
    return network, torch.channels_last if half or device_type == "cpu" else torch.contiguous_format


class ChannelsLastInstanceNorm(nn.Module):
    """What `nn.InstanceNorm2d` does, without bringing the map into another order and back.

    PyTorch's own (2.15, on a CPU) copies maps that are channels last to work on them. Its batch and group
    normalisation do not, but add a map's pixels up one by one in float32: at 4096x4096, with a mean of seven
    standard deviations, they are off by 4 and 8 % of one, this one by 2e-6 and PyTorch's own by 1e-6.

    For inference: it has no gradient.

    Args:
        norm: Whose weight, bias and epsilon to take.
    """

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(norm.weight.detach()[:, None, None], requires_grad=False)
        self.bias = nn.Parameter(norm.bias.detach()[:, None, None], requires_grad=False)
        self.eps = norm.eps

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to the same."""
        mean = features.mean((2, 3), keepdim=True)
        work = features - mean
        variance = work.square_().mean((2, 3), keepdim=True)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        if torch.compiler.is_compiling():  # fuses it; torch 2.11 breaks the graph at an `out` of this layout
            return torch.addcmul(self.bias - mean * scale, features, scale)
        return torch.addcmul(self.bias - mean * scale, features, scale, out=work)


def normalize_channels_last(module: nn.Module) -> None:
    """Replace every instance normalisation in a module, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.InstanceNorm2d):
            setattr(module, name, ChannelsLastInstanceNorm(child))
        else:
            normalize_channels_last(child)
