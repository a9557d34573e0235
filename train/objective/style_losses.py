"""The style losses: what each keeps of the style picture at a layer, and how far feature maps are from it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from .gram_matrix import gram_matrix

SEED_CHANNELS = 3
"""Colour channels, which the Keras example divides by at every layer, however many maps that has."""


def style_reconstruction_loss(gram: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of Gram matrices.

    Johnson et al. 2016, eq. 4, writes the sum over the C * C entries; the mean is what
    the authors' code computes.

    Args:
        gram: Gram matrices of the stylised pictures, `(B, C, C)`.
        target: Gram matrix of the style image, `(1, C, C)`.

    Returns:
        A scalar, float32.
    """
    return F.mse_loss(gram, target.expand_as(gram))


def mean_gram_loss(features: Tensor, target: Tensor, pixels: int) -> Tensor:
    """Return `style_reconstruction_loss` of feature maps.

    Args:
        features: Feature maps of the stylised pictures, `(B, C, H, W)`.
        target: `gram_matrix` of the style image's feature maps, `(1, C, C)`.
        pixels: Pixels of a stylised picture; of no consequence here.

    Returns:
        A scalar, float32.
    """
    return style_reconstruction_loss(gram_matrix(features), target)


def gatys_gram_loss(features: Tensor, target: Tensor, pixels: int) -> Tensor:
    """Return sum((G - A)^2) / (4 C^2 (H W)^2) of Gram matrices that are summed over positions.

    Gatys et al. 2016, eq. 4. Gatys reduces picture and style to one size; where they differ, the
    style's matrix counts as if it had as many positions as the picture's.

    Args:
        features: Feature maps of the stylised pictures, `(B, C, H, W)`.
        target: `gram_matrix` of the style image's feature maps, `(1, C, C)`.
        pixels: Pixels of a stylised picture; of no consequence here.

    Returns:
        A scalar, float32.
    """
    channels = features.shape[1]
    per_position = channels * (gram_matrix(features) - target)  # (B, C, C), (G - A) / (H W)
    return per_position.square().sum(dim=(1, 2)).mean() / (4 * channels**2)


def seed_gram_loss(features: Tensor, target: Tensor, pixels: int) -> Tensor:
    """Return sum((S - C)^2) / (4 * 3^2 * pixels^2) of Gram matrices that are summed over positions.

    The Keras example of neural style transfer divides by colour channels and pixels of the picture
    at every layer, not by the layer's own. It stretches the style to the picture's size; here the
    style keeps its own, and its matrix counts as if it had as many positions as the picture's.

    Args:
        features: Feature maps of the stylised pictures, `(B, C, H, W)`.
        target: `gram_matrix` of the style image's feature maps, `(1, C, C)`.
        pixels: Pixels of a stylised picture.

    Returns:
        A scalar, float32.
    """
    _, channels, height, width = features.shape
    # Divided by the pixels first: the undivided sums exceed float32's exact integers by far.
    scaled = channels * height * width / pixels * (gram_matrix(features) - target)  # (B, C, C)
    return scaled.square().sum(dim=(1, 2)).mean() / (4 * SEED_CHANNELS**2)


@dataclass(frozen=True)
class StyleLoss:
    """What is kept of a style image at a layer, and how far feature maps are from it."""

    target: Callable[[Tensor, Tensor | None], Tensor] = gram_matrix
    """The style image's feature maps, `(1, C, H, W)`, and what each position counts, `(1, 1, H, W)` or None
    if all count the same, to what is kept of them, one tensor of any shape."""
    distance: Callable[[Tensor, Tensor, int], Tensor] = mean_gram_loss
    """Feature maps `(B, C, H, W)`, what was kept, and the pixels of a picture, to a scalar."""


MEAN_GRAM = StyleLoss()
