"""Pictures of a single colour, which arithmetic of few bits would paint in stripes."""

import torch
from torch import Tensor, nn

from allaprima.models.network_settings import MINIMUM_SIZE
from allaprima.models.transformer import TransformerNetwork


class FlatPictures(nn.Module):
    """A network, but what it paints of a picture of one colour is one colour, in every precision.

    Instance normalisation divides by the standard deviation of a map, which is zero for such a picture but
    for rounding, and so amplifies the rounding 316 times (1 over the root of its epsilon). In float32
    that stays below a level; in half precision it is 42 to 64 levels. The answer is computed in float32
    when the network is loaded or exported, and is part of the graph.

    Args:
        module: Maps pictures to pictures of the same kind.
        colour: What `flat_colour` returns for the network, as the module's pictures have it, `(3,)`.
        channel_axis: 1 for `(B, 3, H, W)`, 3 for `(B, H, W, 3)`.
    """

    colour: Tensor

    def __init__(self, module: nn.Module, colour: Tensor, channel_axis: int) -> None:
        super().__init__()
        self.module = module
        self.channel_axis = channel_axis
        shape = [1, 1, 1, 1]
        shape[channel_axis] = 3
        self.register_buffer("colour", colour.reshape(shape))

    def forward(self, content_image: Tensor) -> Tensor:
        """Map pictures as the module does, but for those of one colour."""
        sides = (2, 3) if self.channel_axis == 1 else (1, 2)
        lightest = content_image.amax(sides, keepdim=True).float()
        darkest = content_image.amin(sides, keepdim=True).float()
        is_flat = (lightest - darkest).amax(self.channel_axis, keepdim=True) == 0  # (B, 1, 1, 1)
        stylized: Tensor = self.module(content_image)
        return torch.where(is_flat, self.colour.to(stylized.dtype), stylized)


@torch.inference_mode()
def flat_colour(network: TransformerNetwork) -> Tensor:
    """Return what a network paints of any picture of one colour, RGB in [0, 1], `(3,)` float32.

    One for all: the first normalisation takes the mean of each map away, and with it the colour.

    Args:
        network: In evaluation mode and float32, on the CPU.
    """
    grey = torch.full((1, 3, MINIMUM_SIZE, MINIMUM_SIZE), 0.5)
    painted: Tensor = network(grey)
    return painted.mean((0, 2, 3))


def as_levels(colour: Tensor) -> Tensor:
    """Return a colour in the levels of bytes, still float: archives of exported programs hold no bytes."""
    return (colour * 255).round()
