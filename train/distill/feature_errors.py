"""How far the compact network's features are from VGG-19's."""

from collections.abc import Mapping

import torch
from torch import Tensor

from allaprima.train.objective.gram_matrix import gram_matrix

_TINY = torch.finfo(torch.float32).tiny


def feature_error(compact: Tensor, vgg19: Tensor) -> Tensor:
    """Return the squared error of feature maps as a share of their squares; that of zeros is 1.

    Args:
        compact: Feature maps of the compact network, `(B, C, H, W)`.
        vgg19: VGG-19's.
    """
    return (compact - vgg19).square().mean() / vgg19.square().mean().clamp_min(_TINY)


def gram_error(compact: Tensor, vgg19: Tensor) -> Tensor:
    """Return the squared error of Gram matrices as a share of their squares, averaged over pictures.

    Args:
        compact: Gram matrices of the compact network's features, `(B, C, C)`.
        vgg19: Of VGG-19's.
    """
    difference = (compact - vgg19).square().sum(dim=(1, 2))
    return (difference / vgg19.square().sum(dim=(1, 2)).clamp_min(_TINY)).mean()


def style_error(compact: Tensor, vgg19: Tensor, offset: int) -> Tensor:
    """Return the squared error of differences between Gram matrices as a share of their squares.

    A style loss is such a difference. It is much smaller than the matrices where the pictures are alike,
    so a network that is right about the matrices may be wrong about it.

    Args:
        compact: Gram matrices of the compact network's features, `(B, C, C)`.
        vgg19: Of VGG-19's.
        offset: Each picture is held against the one that comes so many before it, around the batch.
    """
    compact_offset, vgg19_offset = (gram - gram.roll(offset, 0) for gram in (compact, vgg19))
    return (compact_offset - vgg19_offset).square().sum() / vgg19_offset.square().sum().clamp_min(_TINY)


def errors(
    compact: Mapping[str, Tensor], vgg19: Mapping[str, Tensor], offset: int = 1
) -> dict[str, dict[str, Tensor]]:
    """Return `feature`, `gram` and `style` errors by layer; the last between pictures `offset` apart."""
    pairs = {layer: (compact[layer], features) for layer, features in vgg19.items()}
    grams = {layer: (gram_matrix(one), gram_matrix(other)) for layer, (one, other) in pairs.items()}
    return {
        "feature": {layer: feature_error(*pair) for layer, pair in pairs.items()},
        "gram": {layer: gram_error(*pair) for layer, pair in grams.items()},
        "style": {layer: style_error(*pair, offset) for layer, pair in grams.items()},
    }
