"""The pixels of one picture, optimised against a perceptual loss."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from allaprima.train.objective.perceptual_loss import PerceptualLoss

from .settings import MinimizeSettings

HISTORY = 10
"""Steps that L-BFGS remembers, as many as SciPy's does in the Keras example."""

FIRST_STEP = 0.01
"""Mean change of a value in [0, 1] that L-BFGS tries first."""

Terms = dict[str, float]
Watch = Callable[[int, Terms, Tensor], None]


@dataclass
class Descent:
    """What an optimisation has come to."""

    image: Tensor
    """The best picture, `(1, 3, H, W)`; its values may lie a little outside [0, 1]."""
    curve: list[Terms] = field(default_factory=list)
    """The terms at every evaluation; the first is that of the start."""
    best: int = 0
    """Number of the evaluation that the best picture is from, from 1; 0 if there is none."""
    problem: str | None = None
    """Why it ended before its time."""
    is_interrupted: bool = False
    """Whether the user ended it."""


def minimize(
    loss: PerceptualLoss,
    content_image: Tensor,
    start: Tensor,
    settings: MinimizeSettings,
    *,
    watch: Watch | None = None,
) -> Descent:
    """Return the best picture found, and how the terms went.

    An objective or gradient that is not finite ends it, as does Ctrl-C; the best picture is kept.

    Args:
        loss: The objective.
        content_image: The photograph, `(1, 3, H, W)`, RGB in [0, 1].
        start: The first picture, same shape.
        settings: The optimiser and how long it runs.
        watch: Called at every evaluation with its number, its terms and its picture.
    """
    evaluations = _Evaluations(loss, loss.content_targets(content_image), start, settings, watch)
    run = {"lbfgs": _run_lbfgs, "adam": _run_adam}[settings.optimizer]
    try:
        run(evaluations, settings)
    except _EndedError as ended:
        evaluations.descent.problem = str(ended) or None
    except KeyboardInterrupt:
        if not evaluations.descent.curve:
            raise
        evaluations.descent.is_interrupted = True
    return evaluations.descent


class _EndedError(Exception):
    """All evaluations are done, or something is wrong with the last one; raised through the optimiser."""


class _Evaluations:
    """The objective as optimisers call it: counts, keeps the best picture, ends the optimisation.

    The objective is divided by its first value, so that no tolerance depends on the scale of a
    preset's weights. The optimiser sees how far the picture is from the start, in a unit that sets
    its first step.
    """

    def __init__(
        self,
        loss: PerceptualLoss,
        targets: Mapping[str, Tensor],
        start: Tensor,
        settings: MinimizeSettings,
        watch: Watch | None,
    ) -> None:
        self._loss = loss
        self._targets = targets
        self._limit = settings.steps
        self._watch = watch
        self._scale = 1.0
        # torch's L-BFGS begins with a step whose magnitudes add up to 1, however large the picture.
        self._unit = FIRST_STEP * start.numel() if settings.optimizer == "lbfgs" else 1.0
        self.lowest = math.inf
        self._start = start.detach()
        self.variable = torch.zeros_like(start, memory_format=torch.contiguous_format).requires_grad_()
        self.descent = Descent(start.detach().clone())

    @torch.enable_grad()
    def __call__(self) -> Tensor:
        """Return the objective at the present picture, its gradient in the variable's `grad`."""
        if len(self.descent.curve) >= self._limit:
            raise _EndedError
        image = self._start + self._unit * self.variable
        terms = self._loss.terms(image, self._targets)
        values = {name: float(value.detach()) for name, value in terms.items()}
        self.descent.curve.append(values)
        if len(self.descent.curve) == 1 and math.isfinite(values["total"]):
            self._scale = values["total"] or 1.0
        objective = terms["total"] / self._scale
        (self.variable.grad,) = torch.autograd.grad(objective, self.variable)
        self._check(values["total"], self.variable.grad)
        self._take_note(values, image.detach())
        return objective.detach()

    def _check(self, total: float, gradient: Tensor) -> None:
        number = len(self.descent.curve)
        if not math.isfinite(total):
            raise _EndedError(f"the objective is not finite at evaluation {number}")
        if not gradient.isfinite().all():
            raise _EndedError(f"the gradient is not finite at evaluation {number}")

    def _take_note(self, values: Terms, image: Tensor) -> None:
        number = len(self.descent.curve)
        if values["total"] < self.lowest:
            self.lowest = values["total"]
            self.descent.best = number
            self.descent.image = image
        if self._watch is not None:
            self._watch(number, values, image)


def _run_lbfgs(evaluations: _Evaluations, settings: MinimizeSettings) -> None:
    """Call L-BFGS in rounds until the evaluations are used up or a round brings nothing."""
    length = settings.restart_every or settings.steps
    before = math.nan
    while evaluations.lowest != before:
        before = evaluations.lowest
        optimizer = torch.optim.LBFGS(
            [evaluations.variable],
            lr=1.0,
            max_iter=length,
            max_eval=length,
            history_size=HISTORY,
            tolerance_grad=0.0,
            tolerance_change=1e-12,
            line_search_fn="strong_wolfe" if settings.line_search == "strong-wolfe" else None,
        )
        optimizer.step(evaluations)  # type: ignore[no-untyped-call]


def _run_adam(evaluations: _Evaluations, settings: MinimizeSettings) -> None:
    optimizer = torch.optim.Adam([evaluations.variable], lr=settings.lr)
    while True:
        evaluations()
        optimizer.step()
