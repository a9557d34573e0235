"""How long a run lasts, and what ends it early."""

import time
from datetime import timedelta
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from .scheduled_module import ScheduledModule

EXPLOSION = 20.0
"""Times the first steps' mean objective at which a run counts as diverged."""

REFERENCE_STEPS = 10


class DivergenceError(RuntimeError):
    """The objective became infinite, not a number, or far larger than at the start."""


class RunLimits(Callback):
    """Tell the module how far the run has come, and stop it at the first limit.

    Args:
        max_steps: Steps of the whole run, or None.
        max_time: Training time of the whole run, over all its resumptions, or None.
    """

    def __init__(self, max_steps: int | None, max_time: timedelta | None) -> None:
        self.max_steps = max_steps
        self.max_seconds = None if max_time is None else max_time.total_seconds()
        self.elapsed = 0.0
        self._last = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._last = time.monotonic()
        self._update(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance the clock; every process follows that of the first, and all stop together."""
        now = time.monotonic()
        self.elapsed += now - self._last
        self._last = now
        if self.max_seconds is not None and trainer.world_size > 1:
            self.elapsed = trainer.strategy.broadcast(self.elapsed)
        self._update(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return the training time so far."""
        return {"elapsed": self.elapsed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the clock of an interrupted run."""
        self.elapsed = state_dict["elapsed"]

    def _update(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, ScheduledModule)
        shares = [trainer.global_step / self.max_steps] if self.max_steps else []
        if self.max_seconds is not None:
            shares.append(self.elapsed / self.max_seconds)
        pl_module.progress = max(shares, default=0.0)
        if pl_module.progress >= 1:
            trainer.should_stop = True


class DivergenceGuard(Callback):
    """Stop a run whose objective is no longer finite or explodes, before it overwrites a good checkpoint.

    Args:
        every: Steps between looks at the objective, each of which waits for the device.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._reference: list[float] = []
        self._latest: Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remember the objective, and look at it from time to time."""
        self._latest = outputs["loss"].detach()
        if len(self._reference) < REFERENCE_STEPS or trainer.global_step % self.every == 0:
            self._check(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the objective before anything is made of the network."""
        self._check(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to save a network that has diverged."""
        self._check(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return the first steps' objectives."""
        return {"reference": self._reference}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the first steps' objectives."""
        self._reference = list(state_dict["reference"])

    def _check(self, trainer: Trainer) -> None:
        if self._latest is None:
            return
        value = float(self._latest)
        self._latest = None
        known = len(self._reference) == REFERENCE_STEPS
        bound = EXPLOSION * sum(self._reference) / REFERENCE_STEPS if known else torch.inf
        if not value <= bound or value == torch.inf:
            raise DivergenceError(
                f"the loss is {value:.3g} at step {trainer.global_step}"
                + (
                    f", {EXPLOSION:g} times that of the first steps"
                    if torch.isfinite(torch.tensor(value))
                    else ""
                )
            )
        if len(self._reference) < REFERENCE_STEPS:
            self._reference.append(value)
