"""Least squares by the normal equations, for more rows than fit into memory."""

from collections.abc import Iterable

import torch
from torch import Tensor


def ridge_regression(parts: Iterable[tuple[Tensor, Tensor]], ridge: float) -> Tensor:
    """Return the X that brings `rows @ X` closest to what is wanted, over all parts, and stays small.

    It is least in the sum of |rows X - wanted|^2 + d |X|^2, which the normal equations
    (sum of rows^T rows + d 1) X = sum of rows^T wanted solve.

    Args:
        parts: Rows `(N, I)` and what is wanted of them, `(N, O)`, part by part.
        ridge: d, as a share of the mean of the diagonal of the sum of rows^T rows.

    Returns:
        `(I, O)`, in the type of the parts.
    """
    normal, right = torch.zeros(()), torch.zeros(())
    for rows, wanted in parts:
        normal = normal + rows.T @ rows
        right = right + rows.T @ wanted
    normal.diagonal().add_(ridge * normal.diagonal().mean())
    solution: Tensor = torch.linalg.solve(normal, right)
    return solution
