"""What every trained module has in common: a learning rate that follows the run's progress."""

from typing import Any

import torch
from lightning import LightningModule

from allaprima.train.settings.config import ScheduleSettings

from .schedule import learning_rate_factor


class ScheduledModule(LightningModule):
    """Set the learning rate from how far the run has come.

    Args:
        settings: The schedule.
    """

    def __init__(self, settings: ScheduleSettings) -> None:
        super().__init__()
        self.settings = settings
        self.progress = 0.0
        """Part of the run that is done, 0 to 1; the limits of the run set it."""

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser, each of its groups with its peak learning rate."""
        raise NotImplementedError

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser, and keep the peaks: a resumed run may have others than its checkpoint."""
        optimizer = self.build_optimizer()
        self._peaks = [group["lr"] for group in optimizer.param_groups]
        return optimizer

    @property
    def peak_lr(self) -> float:
        """The highest learning rate of the first group."""
        return float(self._peaks[0])

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rates; a pure function of step and progress, so nothing of it is stored."""
        factor = learning_rate_factor(
            self.global_step,
            self.progress,
            warmup_steps=self.settings.warmup_steps,
            final=self.settings.final_lr,
        )
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        for group, peak in zip(optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
        self.log("train/lr", self.peak_lr * factor)
