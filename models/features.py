"""Pure functions on feature maps."""

import torch
from torch import Tensor


def gram_matrix(features: Tensor) -> Tensor:
    """Return the channel correlations of feature maps, averaged over positions.

    G[b, i, j] = sum over positions of F[b, i] * F[b, j], divided by C * H * W
    (Johnson et al. 2016, eq. 3). Style weights mean something only together with
    this division.

    Args:
        features: Feature maps, `(B, C, H, W)`, any range.

    Returns:
        Symmetric matrices, `(B, C, C)`, float32 (float64 for float64 input).

    Raises:
        ValueError: If `features` is not four-dimensional.
    """
    if features.ndim != 4:
        raise ValueError(f"features has shape {tuple(features.shape)}; expected (B, C, H, W)")
    _, channels, height, width = features.shape
    # Sums over 65,536 positions overflow float16 and lose bfloat16's 8 bits.
    with torch.autocast(features.device.type, enabled=False):
        flat = features.flatten(2)
        if flat.dtype in (torch.float16, torch.bfloat16):
            flat = flat.float()
        return flat @ flat.transpose(1, 2) / (channels * height * width)  # (B, C, C)
