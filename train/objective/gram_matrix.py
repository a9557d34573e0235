"""Pure functions on feature maps."""

from typing import Any

import torch
from torch import Tensor

PARTS = 16
"""Parts that positions are summed in on a GPU, so that eight crops are at least as many products as there are
processors; not tuned."""

_NARROW = (torch.float16, torch.bfloat16)


def gram_matrix(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the channel correlations of feature maps, averaged over positions.

    G[b, i, j] = sum over positions of F[b, i] * F[b, j], divided by C * H * W
    (Johnson et al. 2016, eq. 3). Style weights mean something only together with
    this division.

    Args:
        features: Feature maps, `(B, C, H, W)`, any range.
        weights: What each position counts, `(B, 1, H, W)`, 1 in the mean; all the same by default.

    Returns:
        Symmetric matrices, `(B, C, C)`, float32 (float64 for float64 input).

    Raises:
        ValueError: If `features` is not four-dimensional.
    """
    if features.ndim != 4:
        raise ValueError(f"features has shape {tuple(features.shape)}; expected (B, C, H, W)")
    _, channels, height, width = features.shape
    if weights is not None:
        features = features * weights.sqrt()
    # Sums over 65,536 positions overflow float16 and lose bfloat16's 8 bits.
    with torch.autocast(features.device.type, enabled=False):
        positions = features.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H W, C), no copy of channels-last maps
        gram: Tensor = _SecondMoments.apply(positions)
        return gram / (channels * height * width)  # (B, C, C)


def _parts(positions: Tensor) -> int:
    """Return into how many parts to sum positions, `(B, N, C)`: a few large matrices leave a GPU idle."""
    return PARTS if positions.is_cuda and positions.shape[1] % PARTS == 0 else 1


class _SecondMoments(torch.autograd.Function):
    """X^T X of `(B, N, C)`, with the gradient as one product, X (D + D^T), instead of two and their sum."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor) -> Tensor:
        """Return `(B, C, C)`."""
        ctx.save_for_backward(positions)
        wide = positions.float() if positions.dtype in _NARROW else positions
        wide = wide.view(len(wide), _parts(wide), -1, wide.shape[2])  # (B, P, N / P, C)
        moments: Tensor = (wide.mT @ wide).sum(1)
        return moments

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient, `(B, N, C)`."""
        (positions,) = ctx.saved_tensors
        (gradient,) = gradients
        with torch.autocast(positions.device.type, enabled=False):
            symmetric = gradient + gradient.transpose(1, 2)
            if positions.dtype == torch.bfloat16:  # has float32's range, and the result is rounded anyway
                symmetric = symmetric.bfloat16()
            result: Tensor = positions.to(symmetric.dtype) @ symmetric
        return result.to(positions.dtype)
