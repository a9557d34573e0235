"""What every trained module has in common: Adam, and a learning rate that follows the run's progress."""

from collections.abc import Iterable
from typing import Any

import torch
from lightning import LightningModule
from torch import nn

from .config import ScheduleSettings
from .schedule import learning_rate_factor


class ScheduledModule(LightningModule):
    """Set the learning rate from how far the run has come.

    Args:
        settings: Optimiser and schedule.
    """

    def __init__(self, settings: ScheduleSettings) -> None:
        super().__init__()
        self.settings = settings
        self.progress = 0.0
        """Part of the run that is done, 0 to 1; the limits of the run set it."""

    def learned(self) -> Iterable[nn.Parameter]:
        """Return the parameters that are trained."""
        raise NotImplementedError

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW, which is Adam when there is no weight decay."""
        return torch.optim.AdamW(self.learned(), lr=self.settings.lr, weight_decay=self.settings.weight_decay)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rate; a pure function of step and progress, so nothing of it is stored."""
        factor = learning_rate_factor(
            self.global_step,
            self.progress,
            warmup_steps=self.settings.warmup_steps,
            final=self.settings.final_lr,
        )
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        for group in optimizer.param_groups:
            group["lr"] = self.settings.lr * factor
        self.log("train/lr", self.settings.lr * factor)
