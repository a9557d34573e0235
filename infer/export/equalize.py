"""Convolutions whose results lie in one range, which eight bits resolve best."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn

from allaprima.models.transformer import TransformerNetwork

from .calibration_pictures import Batch

_SMALLEST_SPREAD = 1e-3


@torch.no_grad()
def equalize(network: TransformerNetwork, photographs: Sequence[Batch]) -> TransformerNetwork:
    """Return a copy whose normalised convolutions return channels of mean 0 and variance 1 before that.

    Instance normalisation takes mean and scale away again, so the copy paints the same, up to rounding
    and the constant that keeps the normalisation from dividing by zero. In eight bits, though, all
    channels share one range.

    Args:
        network: In evaluation mode.
        photographs: What mean and variance are measured on.
    """
    equal = deepcopy(network)
    convolutions = list(_normalized(equal))
    sums = {conv: torch.zeros(3, conv.out_channels, dtype=torch.float64) for conv in convolutions}

    def add(conv: nn.Module, inputs: tuple[Tensor, ...], features: Tensor) -> None:
        flat = features.double().transpose(0, 1).flatten(1)  # (C, B * H * W)
        counts = torch.full((len(flat),), flat.shape[1])
        sums[conv] += torch.stack((flat.sum(1), flat.square().sum(1), counts))  # type: ignore[index]

    hooks = [conv.register_forward_hook(add) for conv in convolutions]
    for batch in photographs:
        equal(torch.from_numpy(batch))
    for hook in hooks:
        hook.remove()
    for conv, (total, squares, count) in sums.items():
        mean = total / count
        spread = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=_SMALLEST_SPREAD)
        assert conv.bias is not None
        conv.bias.copy_((conv.bias - mean) / spread)
        conv.weight.div_(spread[:, None, None, None])
    return equal


def _normalized(network: nn.Module) -> Iterator[nn.Conv2d]:
    """Yield the convolutions that instance normalisation follows."""
    for sequence in network.modules():
        if isinstance(sequence, nn.Sequential):
            for first, second in pairwise(sequence):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.InstanceNorm2d):
                    yield first
