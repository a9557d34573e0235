"""The photograph's finest detail, brought back to a painting that was made smaller."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

LUMINANCE = (0.299, 0.587, 0.114)
"""ITU-R BT.601, what JPEG calls Y: detail changes the light and not the colour."""


def add_detail_to_array(
    enlarged: NDArray[np.uint8], photograph: NDArray[np.uint8], softened: NDArray[np.uint8], amount: float
) -> NDArray[np.uint8]:
    """Return an enlarged painting with the luminance that the photograph has beyond its softened copy.

    Args:
        enlarged: The painting of the reduced photograph, enlarged, `(H, W, 3)`.
        photograph: `(H, W, 3)`.
        softened: The photograph, reduced as for painting and enlarged, `(H, W, 3)`.
        amount: Of the detail.
    """
    weights = np.array(LUMINANCE, np.float32)
    detail = amount * (photograph @ weights - softened @ weights)  # (H, W)
    detail += 0.5
    return np.clip(enlarged + detail[..., None], 0, 255).astype(np.uint8)


def add_detail_to_tensor(
    enlarged: "Tensor", photograph: "Tensor", softened: "Tensor", amount: float
) -> "Tensor":
    """Return the same for floats in [0, 1], `(B, 3, H, W)`."""
    weights = enlarged.new_tensor(LUMINANCE)[:, None, None]
    detail = ((photograph - softened) * weights).sum(1, keepdim=True)
    return (enlarged + amount * detail).clamp(0, 1)
