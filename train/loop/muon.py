"""Muon: momentum whose steps change kernels by orthogonal matrices; Adam for all other parameters."""

from collections import defaultdict
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
    takes matrices alone. Kernels of one shape are changed together, and so are Adam's parameters: single
    ones are too small to keep a GPU busy.

    Args:
        groups: Parameters with their learning rate, `{"params": [...], "lr": 0.01, "orthogonal": True}`.
            `orthogonal` says that they are weights of two dimensions or more, all of whose output channels
            are alike; the others get Adam.
        weight_decay: Decoupled weight decay, as in AdamW, of the groups that say nothing of it.
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
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            changes = self._orthogonal_changes if group["orthogonal"] else self._adam_changes
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(parameters, changes(parameters), alpha=-group["lr"])
        return loss

    def _orthogonal_changes(self, parameters: list[Tensor]) -> list[Tensor]:
        gradients = [_gradient(parameter) for parameter in parameters]
        momenta = self._states("momentum", parameters)
        torch._foreach_mul_(momenta, MOMENTUM)
        torch._foreach_add_(momenta, gradients)
        nesterov = torch._foreach_add(gradients, momenta, alpha=MOMENTUM)
        by_shape = defaultdict(list)
        for index, parameter in enumerate(parameters):
            by_shape[parameter.shape].append(index)
        changes = list(nesterov)
        for indices in by_shape.values():
            together = orthogonalized(torch.stack([nesterov[index].flatten(1) for index in indices]))
            for index, change in zip(indices, together, strict=True):
                changes[index] = change.view_as(parameters[index])
        return changes

    def _adam_changes(self, parameters: list[Tensor]) -> list[Tensor]:
        gradients = [_gradient(parameter) for parameter in parameters]
        means, squares = self._states("mean", parameters), self._states("square", parameters)
        steps = [self._next_step(parameter) for parameter in parameters]
        torch._foreach_lerp_(means, gradients, 1 - BETAS[0])
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - BETAS[1])
        deviations = torch._foreach_div(squares, [1 - BETAS[1] ** step for step in steps])
        torch._foreach_sqrt_(deviations)
        torch._foreach_add_(deviations, EPSILON)
        changes = torch._foreach_div(means, [1 - BETAS[0] ** step for step in steps])
        torch._foreach_div_(changes, deviations)
        return list(changes)

    def _states(self, name: str, parameters: list[Tensor]) -> list[Tensor]:
        """Return what is kept of each parameter under a name, zeros at first."""
        for parameter in parameters:
            if name not in self.state[parameter]:
                self.state[parameter][name] = torch.zeros_like(parameter)
        return [self.state[parameter][name] for parameter in parameters]

    def _next_step(self, parameter: Tensor) -> int:
        """Return how often a parameter is changed, this time included."""
        # Not on the parameter's device, which would have to be waited for.
        count = self.state[parameter].setdefault("step", torch.zeros((), device="cpu"))
        return int(count.add_(1))


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return matrices with the same singular vectors and singular values of about 1.

    Five steps of X <- aX + b(X X^T)X + c(X X^T)^2 X. Only the small product X X^T goes through them: with
    P the product of all steps, the result is P X, for less than half of the multiplications.

    Args:
        matrices: `(..., M, N)`, not zero.

    Returns:
        `(..., M, N)`, the same type; zeros for zeros.
    """
    if matrices.shape[-2] > matrices.shape[-1]:
        return orthogonalized(matrices.mT).mT
    a, b, c = NEWTON_SCHULZ
    x = matrices.float()
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-20)
    gram, identity = x @ x.mT, torch.eye(x.shape[-2], device=x.device)  # (..., M, M)
    product = identity
    for _ in range(ITERATIONS):
        step = a * identity + b * gram + c * (gram @ gram)
        gram, product = step @ gram @ step, step @ product
    result: Tensor = (product @ x).to(matrices.dtype)
    return result


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
