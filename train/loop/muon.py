"""Muon: momentum whose steps change kernels by orthogonal matrices; Adam for all other parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration (Jordan 2024); singular values end between 0.7 and 1.2."""

ITERATIONS = 5
BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) for convolutions, and Adam beside it.

    The gradient's Nesterov momentum, flattened to `(C_out, C_in * k * k)`, is replaced by the nearest
    matrix whose singular values are about 1: rare directions count as much as frequent ones. torch's own
    takes matrices alone.

    Args:
        groups: Parameters with their learning rate, `{"params": [...], "lr": 0.01, "orthogonal": True}`.
            `orthogonal` says that they are weights of two dimensions or more, all of whose output channels
            are alike; the others get Adam.
        weight_decay: Decoupled weight decay of all, as in AdamW.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, weight_decay: float = 0.0) -> None:
        super().__init__(list(groups), {"weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; return what `closure` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            change = self._orthogonal_change if group["orthogonal"] else self._adam_change
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(change(parameter, parameter.grad), alpha=group["lr"])
        return loss

    def _orthogonal_change(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"].mul_(MOMENTUM).add_(gradient)
        nesterov = gradient.add(momentum, alpha=MOMENTUM)
        return orthogonalized(nesterov.flatten(1)).view_as(parameter)

    def _adam_change(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        step = int(state["step"].add_(1))
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        state["square"].lerp_(gradient.square(), 1 - BETAS[1])
        deviation = (state["square"] / (1 - BETAS[1] ** step)).sqrt_().add_(EPSILON)
        change: Tensor = state["mean"] / (1 - BETAS[0] ** step) / deviation
        return change


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return a matrix with the same singular vectors and singular values of about 1.

    Five steps of X <- aX + b(X X^T)X + c(X X^T)^2 X. Only the small product X X^T goes through them: with
    P the product of all steps, the result is P X, for less than half of the multiplications.

    Args:
        matrix: `(M, N)`, not zero.

    Returns:
        `(M, N)`, the same type; zeros for zeros.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonalized(matrix.T).T
    a, b, c = NEWTON_SCHULZ
    x = matrix.float() / matrix.float().norm().clamp(min=1e-20)
    gram, identity = x @ x.T, torch.eye(len(x), device=x.device)  # (M, M)
    product = identity
    for _ in range(ITERATIONS):
        step = a * identity + b * gram + c * (gram @ gram)
        gram, product = step @ gram @ step, step @ product
    result: Tensor = (product @ x).to(matrix.dtype)
    return result
