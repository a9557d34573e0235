"""The losses of Gatys and Johnson as pure functions."""

from torch import Tensor
from torch.nn import functional as F


def feature_reconstruction_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of feature maps (Johnson et al. 2016, eq. 2).

    Args:
        features: Feature maps of the stylised picture, `(B, C, H, W)`.
        target: Feature maps of the content picture, same shape.

    Returns:
        A scalar, float32.
    """
    return F.mse_loss(features.float(), target.float())


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
