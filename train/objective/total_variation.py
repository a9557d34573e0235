"""How much neighbouring pixels differ, as pure functions of pictures."""

from torch import Tensor
from torch.nn import functional as F


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
