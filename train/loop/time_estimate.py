"""What a run says of its own length: at the start what to expect, at the end what would help most."""

import logging
import time
from datetime import timedelta
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from allaprima.train.settings.durations import approximate, format_duration

from .limits import RunLimits

WARMING_UP = 2
"""First steps that are not timed: memory is taken and kernels are chosen."""

TIMED = 6
STILL_FALLING = 0.05
"""Fall of the held-out objective over the second half of a run above which a longer run is advised."""

_log = logging.getLogger(__name__)


class Outlook(Callback):
    """Say after a few steps how long the run and its first preview will take, and keep the held-out curve.

    Args:
        limits: The run's limits.
        validate_every: Steps between validations, each of which makes a preview.
    """

    def __init__(self, limits: RunLimits, validate_every: int) -> None:
        self._limits = limits
        self._validate_every = validate_every
        self._begun = 0.0
        self._first = 0
        self.made = 0
        """Steps of this process."""
        self.curve: list[tuple[int, float]] = []
        """Steps and held-out totals of the whole run, in order."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember where the run begins; a resumed one does later."""
        self._first = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        """Return the held-out curve so far."""
        return {"curve": self.curve}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the curve of an interrupted run."""
        self.curve = [(int(step), float(total)) for step, total in state_dict["curve"]]

    @rank_zero_only
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Time the first steps, and say what follows from them."""
        self.made = trainer.global_step - self._first
        if self.made == WARMING_UP:
            self._begun = time.monotonic()
        if self.made == WARMING_UP + TIMED:
            seconds = (time.monotonic() - self._begun) / TIMED
            _log.info("%s", self._expectation(trainer.global_step, seconds))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the total."""
        if "val/total" in trainer.callback_metrics:
            step = trainer.global_step
            earlier = [point for point in self.curve if point[0] != step]  # the last is validated twice
            self.curve = [*earlier, (step, float(trainer.callback_metrics["val/total"]))]

    def _expectation(self, step: int, seconds: float) -> str:
        limits = self._limits
        left = [(limits.max_steps - step) * seconds] if limits.max_steps else []
        if limits.max_seconds is not None:
            left.append(limits.max_seconds - limits.elapsed)
        remaining = max(0.0, min(left))
        steps = step + round(remaining / seconds)
        text = f"{seconds:.2f} s a step on this machine: {steps} steps, {approximate(remaining)} to the end"
        preview = self._validate_every - step % self._validate_every
        if preview * seconds < remaining:
            text += f"; first preview (tensorboard) in {approximate(preview * seconds)}"
        return text


def advice(curve: list[tuple[int, float]], *, style_size: int | None, style_side: int) -> str:
    """Return what would help a finished run most, from its own held-out curve.

    Args:
        curve: Steps and totals, in order.
        style_size: Shorter side of the style picture in training.
        style_side: Shorter side of the picture as it is.
    """
    fall = _fall_over_second_half(curve)
    if fall is None:
        return "more steps would help most: the run was too short for a curve"
    if fall > STILL_FALLING:
        return (
            f"more time would help most: the held-out objective still fell by {100 * fall:.0f} % over the "
            "second half (--init with its style file goes on from it)"
        )
    if style_size is not None and style_side > style_size:
        return (
            f"a larger style would change most now (--style-size {min(style_side, 2 * style_size)} for "
            f"larger strokes): the second half brought {100 * fall:.0f} %"
        )
    return f"it has learned nearly all it can: the second half brought {100 * fall:.0f} %"


def nothing_left(steps: int | None, max_time: timedelta | None) -> str:
    """Return what to do about a resumed run that had reached its limits already."""
    limits = {"max-steps": steps, "max-time": None if max_time is None else format_duration(max_time)}
    flags = [f"--{name} {limit}" for name, limit in limits.items() if limit is not None]
    return f"the run was at its end already ({' or '.join(flags)}): to go on, raise that with --resume"


def _fall_over_second_half(curve: list[tuple[int, float]]) -> float | None:
    """Return by what part the total fell between the middle of a run and its end; None if that is unknown."""
    if len(curve) < 3:
        return None
    last_step, last = curve[-1]
    middle = min(curve[:-1], key=lambda point: abs(point[0] - last_step / 2))[1]
    return max(0.0, 1 - last / middle) if middle > 0 else 0.0
