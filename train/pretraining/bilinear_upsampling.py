"""A trained network's enlargement by nearest neighbours, replaced by the bilinear one that shows no weave.

Convolution and enlargement change places (`UpsampleBlock`), and the same kernels make another picture. As He
et al. 2017 do for pruned layers, kernels are fitted by least squares to reproduce what they replace, each on
the maps that the new layers before it give.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from allaprima.models.layers import UpsampleBlock
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.ridge_regression import ridge_regression

RIDGE = 0.01
"""Added to the squares, in units of their mean. Without it kernels are three times as large, most of which
undoes the blur and amplifies grain, and the picture comes nearer by less than a level."""


@torch.no_grad()
def with_bilinear_upsampling(
    network: TransformerNetwork, photographs: Sequence[Tensor]
) -> TransformerNetwork:
    """Return a network that paints nearly as another one does, and enlarges bilinearly.

    It is a start for training: pictures differ by 17 levels of 255 (root mean square) for a network of 6,200
    steps of the wave, and by 9 for one of Udnie.

    Args:
        network: One with nearest enlargement and no skip connection, on the CPU.
        photographs: What to fit to, `(B, 3, H, W)` each, RGB in [0, 1]; a handful is enough.

    Returns:
        A new network, in evaluation mode; all but two of its kernels are those of the other one.

    Raises:
        ValueError: If the network has another enlargement, or a skip connection.
    """
    if network.settings.upsampling != "nearest" or network.settings.skip_connection:
        raise ValueError(f"network is {network.settings}; expected nearest enlargement, no skip connection")
    settings = network.settings.model_copy(update={"upsampling": "bilinear"})
    fitted = TransformerNetwork(**settings.model_dump())
    fitted.load_state_dict(network.state_dict())
    maps = [network.residual(network.encoder(2 * photograph - 1)) for photograph in photographs]
    pairs = [(features, features) for features in maps]
    for old, new in zip(_upsampling(network), _upsampling(fitted), strict=True):
        kernel = _kernel(new)
        solution = _fitted_kernel(old, new, pairs)
        kernel.copy_(solution * kernel.norm() / solution.norm())  # no matter before a normalisation
        pairs = [(old(features), new(own)) for features, own in pairs]
    return fitted.eval()


def _upsampling(network: TransformerNetwork) -> list[UpsampleBlock]:
    return [block for block in network.decoder if isinstance(block, UpsampleBlock)]


def _kernel(block: UpsampleBlock) -> Tensor:
    convolution = block.conv[0]
    assert isinstance(convolution, nn.Conv2d)
    return convolution.weight


def _fitted_kernel(old: UpsampleBlock, new: UpsampleBlock, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the kernel with which `new` comes closest to `old`, before the normalisation.

    Args:
        old: The block to reproduce.
        new: The one that enlarges after its convolution.
        pairs: Maps that enter the one and the other, `(B, C, H, W)`.
    """
    equations = (
        (_centred(_enlarged_taps(new, own)), _centred(old.convolve_and_enlarge(features)))
        for features, own in pairs
    )
    return ridge_regression(equations, RIDGE).T.reshape(_kernel(new).shape)


def _enlarged_taps(block: UpsampleBlock, maps: Tensor) -> Tensor:
    """Return what each tap of a block's kernel sees of `(B, C, H, W)`, enlarged, `(B, 9 C, 2H, 2W)`.

    The enlargement is linear, so the kernel's sum of these is what the block makes of the maps.
    """
    shifted = F.unfold(F.pad(maps, (1, 1, 1, 1), mode="reflect"), 3)
    return block.enlarge(shifted.view(len(maps), -1, *maps.shape[2:]))


def _centred(maps: Tensor) -> Tensor:
    """Return `(B, C, H, W)` as `(B H W, C)`, without the mean, which a normalisation takes away."""
    flat = maps.transpose(0, 1).flatten(1)
    return (flat - flat.mean(dim=1, keepdim=True)).T
