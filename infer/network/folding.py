"""Exact algebra that makes a trained network cheaper to run."""

import copy

import torch
from torch import Tensor, nn

from allaprima.models.layers import UpsampleBlock, block_kernel
from allaprima.models.transformer import TransformerNetwork


def fold(network: TransformerNetwork) -> TransformerNetwork:
    """Return a copy for inference that paints the same, up to rounding (2e-6), for less.

    Convolutions after nearest enlargement work at the low resolution, with 4/9 of the multiplications. A last
    convolution that returns three channels, of the eight or sixteen that processors compute at a time,
    returns blocks of pixels instead.
    """
    folded = copy.deepcopy(network)
    for index, block in enumerate(folded.decoder):
        if isinstance(block, UpsampleBlock) and block.upsampling == "nearest":
            convolution, *others = block.conv
            assert isinstance(convolution, nn.Conv2d)
            folded.decoder[index] = nn.Sequential(FoldedUpsampling(convolution), *others)
        elif isinstance(block, nn.Conv2d):
            folded.decoder[index] = FoldedEnd(block)
    return folded.requires_grad_(False)


class FoldedUpsampling(nn.Sequential):
    """Nearest resize to twice the size, reflection padding and a 3x3 convolution, as one transposed one.

    Of three neighbours in the enlarged map two are equal, so each pixel of the result sees two rows and
    two columns of the small map: an even row sees `(w0, w1 + w2)` of rows i - 1 and i, an odd one
    `(w0 + w1, w2)` of i and i + 1; columns likewise. That is a transposed 4x4 convolution of stride 2.
    Mirrored at its border, the enlarged map repeats the small one's last row, so the padding repeats.

    Maps `(B, C, H, W)` to `(B, out_channels, 2H, 2W)`.

    Args:
        conv: The 3x3 convolution with reflection padding that follows the resize.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        folded = nn.ConvTranspose2d(conv.in_channels, conv.out_channels, 4, stride=2, padding=3)
        weight = _spread(_spread(conv.weight.detach(), 2), 3)  # (out, in, 4, 4)
        folded.weight = nn.Parameter(weight.transpose(0, 1).contiguous())
        folded.bias = conv.bias
        super().__init__(nn.ReplicationPad2d(1), folded)


def _spread(weight: Tensor, dim: int) -> Tensor:
    """Return what a pixel of the small map adds to the rows 2i - 1 to 2i + 2 of the large one."""
    first, middle, last = weight.unbind(dim)
    return torch.stack((last, middle + last, first + middle, first), dim)


class FoldedEnd(nn.Sequential):
    """A convolution with an odd kernel and reflection padding, as one that returns blocks of 2x2 pixels.

    Maps `(B, C, H, W)` with even sides to `(B, out_channels, H, W)`; its last step, a pixel shuffle,
    puts the blocks in order.

    Args:
        conv: The convolution.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        size = conv.kernel_size[0]
        before = size // 2
        blocks = nn.Conv2d(conv.in_channels, 4 * conv.out_channels, size + 1, stride=2)
        blocks.weight = nn.Parameter(block_kernel(conv.weight.detach()))
        assert conv.bias is not None
        blocks.bias = nn.Parameter(conv.bias.detach().repeat_interleave(4))
        super().__init__(
            nn.ReflectionPad2d((before, before + 1, before, before + 1)), blocks, nn.PixelShuffle(2)
        )
