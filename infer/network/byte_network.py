"""A network from bytes to bytes."""

import copy

import torch
from torch import Tensor, nn

from allaprima.models.layers import crop, pad_to_multiple
from allaprima.models.transformer import TransformerNetwork

from .contrast import Contrast, Fade, colours


class ByteNetwork(nn.Module):
    """A network from bytes to bytes, as decoders and screens have them, for inference.

    It paints what the network paints, rounded. The scale of the pixels is folded into the first
    convolution; colours leave as bytes before pixels are put in order, where a copy costs a quarter.

    Args:
        network: In evaluation mode; it is copied.
        tones: From `tones_of`.
        dtype: Type of the computation.
        memory_format: Layout of the computation.
    """

    def __init__(
        self,
        network: TransformerNetwork,
        tones: Tensor,
        dtype: torch.dtype = torch.float32,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__()
        self.network = network = copy.deepcopy(network).requires_grad_(False)
        last = network.decoder[-1]
        self.shuffle: nn.Module = nn.Identity()
        if isinstance(last, nn.Sequential):
            *convolution, self.shuffle = last
            network.decoder[-1] = nn.Sequential(*convolution)
        first = network.get_submodule("encoder.0.0")
        assert isinstance(first, nn.Conv2d)
        assert first.bias is not None
        first.bias -= first.weight.sum(dim=(1, 2, 3))  # of 2 x - 1, which the network begins with
        first.weight *= 2 / 255
        self.dtype, self.memory_format = dtype, memory_format
        self.to(dtype).to(memory_format=memory_format)
        self.contrast = Contrast(tones)  # in float32

    def forward(self, content_image: Tensor) -> Tensor:
        """Map `(B, H, W, 3)` uint8 to the same."""
        height, width = content_image.shape[1:3]
        fade = self.contrast.of_bytes(content_image)
        x = content_image.permute(0, 3, 1, 2).to(self.dtype, memory_format=self.memory_format)
        x = pad_to_multiple(x, self.network.settings.stride)
        painted = crop(self.to_bytes(self.network.paint(x), fade), height, width)
        # Not contiguous(): compiled, that asks whether it already is, which a batch of one decides.
        return painted.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)

    def to_bytes(self, painted: Tensor, fade: Fade) -> Tensor:
        """Map what the network paints, before pixels are put in order, to colours, `(B, 3, H, W)` uint8."""
        ordered: Tensor = self.shuffle(colours(painted, fade, white=255, offset=0.5).to(torch.uint8))
        return ordered

    def to_floats(self, painted: Tensor, fade: Fade) -> Tensor:
        """Map the same to colours in [0, 1], `(B, 3, H, W)` float32."""
        ordered: Tensor = self.shuffle(colours(painted, fade, white=1))
        return ordered
