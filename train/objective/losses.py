"""The losses of Gatys, Johnson and the Keras example as pure functions."""

from torch import Tensor
from torch.nn import functional as F

from .gram import gram_matrix

SEED_CHANNELS = 3
"""Colour channels, which the Keras example divides by at every layer, however many maps that has."""


def feature_reconstruction_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of feature maps (Johnson et al. 2016, eq. 2).

    Args:
        features: Feature maps of the stylised picture, `(B, C, H, W)`.
        target: Feature maps of the content picture, same shape.

    Returns:
        A scalar, float32.
    """
    return F.mse_loss(features.float(), target.float())


def summed_feature_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the sum of squared differences of feature maps, averaged over the pictures of a batch.

    It grows with the number of pixels.

    Args:
        features: Feature maps of the stylised picture, `(B, C, H, W)`.
        target: Feature maps of the content picture, same shape.

    Returns:
        A scalar, float32.
    """
    return F.mse_loss(features.float(), target.float(), reduction="sum") / len(features)


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


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of vertical plus that of horizontal neighbours.

    Args:
        image: Pictures, `(B, C, H, W)` with H and W at least 2.

    Returns:
        A scalar, float32.
    """
    image = image.float()
    vertical = F.mse_loss(image[..., 1:, :], image[..., :-1, :])
    horizontal = F.mse_loss(image[..., 1:], image[..., :-1])
    return vertical + horizontal


def halved_variation(image: Tensor) -> Tensor:
    """Return half the sum of squared differences to the lower and the right neighbour.

    Johnson et al.'s `TotalVariation.lua` computes the gradient of this. The last row and column
    are only neighbours. It grows with the number of pixels. The authors' sum runs over the batch
    too; here it is averaged over the pictures.

    Args:
        image: Pictures, `(B, C, H, W)` with H and W at least 2.

    Returns:
        A scalar, float32.
    """
    return _squared_differences(image).sum(dim=(1, 2, 3)).mean() / 2


def powered_variation(image: Tensor) -> Tensor:
    """Return the sum of (a + b)^1.25, a and b the squared differences to two neighbours.

    As in the Keras example: the lower and the right neighbour, which the last row and column lack.
    It grows with the number of pixels.

    Args:
        image: Pictures, `(B, C, H, W)` with H and W at least 2.

    Returns:
        A scalar, float32.
    """
    return _squared_differences(image).pow(1.25).sum(dim=(1, 2, 3)).mean()


def _squared_differences(image: Tensor) -> Tensor:
    """Return the squared differences to the lower and right neighbour, added, `(B, C, H - 1, W - 1)`."""
    image = image.float()
    corner = image[..., :-1, :-1]
    return (corner - image[..., 1:, :-1]).square() + (corner - image[..., :-1, 1:]).square()
