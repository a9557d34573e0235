"""How far the compact network's features are from VGG-19's."""

from collections.abc import Mapping

import torch
from torch import Tensor

from allaprima.models.features import gram_matrix


def feature_error(own: Tensor, theirs: Tensor) -> Tensor:
    """Return the squared error of feature maps as a share of their squares; that of zeros is 1.

    Args:
        own: Feature maps of the compact network, `(B, C, H, W)`.
        theirs: VGG-19's.
    """
    return (own - theirs).square().mean() / theirs.square().mean()


def gram_error(own: Tensor, theirs: Tensor) -> Tensor:
    """Return the squared error of Gram matrices as a share of their squares, averaged over pictures.

    Args:
        own: Feature maps of the compact network, `(B, C, H, W)`.
        theirs: VGG-19's.
    """
    wanted = gram_matrix(theirs)
    difference = (gram_matrix(own) - wanted).square().sum(dim=(1, 2))
    return (difference / wanted.square().sum(dim=(1, 2)).clamp_min(torch.finfo(torch.float32).tiny)).mean()


def errors(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return `feature` and `gram` errors by layer."""
    return {
        "feature": {layer: feature_error(own[layer], features) for layer, features in theirs.items()},
        "gram": {layer: gram_error(own[layer], features) for layer, features in theirs.items()},
    }
