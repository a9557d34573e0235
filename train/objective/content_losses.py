"""How far a picture is from its photograph, as pure functions of feature maps."""

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
