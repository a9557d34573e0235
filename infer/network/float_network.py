"""A network from floats to floats."""

import torch
from torch import Tensor, nn

from allaprima.models.layers import crop, pad_to_multiple
from allaprima.models.transformer import TransformerNetwork

from .contrast import Contrast, colours


class FloatNetwork(nn.Module):
    """A network for inference in any type, whose pictures are float32.

    Args:
        network: In evaluation mode; it is changed.
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
        self.network = network.requires_grad_(False).to(dtype).to(memory_format=memory_format)
        self.contrast = Contrast(tones)
        self.dtype, self.memory_format = dtype, memory_format

    def forward(self, content_image: Tensor) -> Tensor:
        """Map `(B, 3, H, W)` in [0, 1] to the same, float32."""
        height, width = content_image.shape[2:]
        fade = self.contrast.of_floats(content_image)
        x = content_image.to(self.dtype, memory_format=self.memory_format)
        x = pad_to_multiple(x, self.network.settings.stride)
        # In place on a part of the padded map it would be compiled anew for some sizes.
        return crop(colours(self.network.paint(2 * x - 1), fade, white=1), height, width)
