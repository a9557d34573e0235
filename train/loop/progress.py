"""What a person sees while a style is trained."""

import time
from collections.abc import Iterable
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.progress import Progress, TaskID
from torch import Tensor

from allaprima.train.objective.perceptual_loss import TERMS

from .progress_bar import TermsBar
from .scheduled_module import ScheduledModule


class TrainingProgress(Callback):
    """A bar with losses, images per second and time left; plain lines where there is no terminal.

    Args:
        terms: Names of the losses shown, logged as `train/NAME`.
        console: Where to draw; standard error by default.
    """

    def __init__(self, terms: Iterable[str] = TERMS, console: Console | None = None) -> None:
        self._terms = tuple(terms)
        self._bar = TermsBar("step", console)
        self._shown = 0.0
        self._shown_step = 0

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the empty bar."""
        self._shown, self._shown_step = time.monotonic(), trainer.global_step
        self._bar.start()

    @rank_zero_only
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Tensor, batch_idx: int
    ) -> None:
        """Refresh the bar now and then, so that the device is seldom waited for."""
        assert isinstance(pl_module, ScheduledModule)
        if not self._bar.is_due:
            return
        now = time.monotonic()
        steps = trainer.global_step - self._shown_step
        rate = steps * len(batch) * trainer.world_size / (now - self._shown)
        self._shown, self._shown_step = now, trainer.global_step
        losses = f"{_losses(trainer, self._terms)}  {rate:.1f} images/s"
        self._bar.show(str(trainer.global_step), pl_module.progress, losses)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the last state of the bar on the screen."""
        self._bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        self._bar.stop()


class PreparationProgress:
    """A bar for reading the photographs, drawn from the first call on until all are done."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` photographs have been read."""
        if self._bar is None:
            self._bar = Progress(console=self._console, transient=True)
            self._task = self._bar.add_task("reading photographs", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done)
        if done >= total:
            self._bar.stop()
            self._bar = None


def _losses(trainer: Trainer, terms: Iterable[str]) -> str:
    metrics = trainer.callback_metrics
    return "  ".join(
        f"{name} {float(metrics[f'train/{name}']):.4g}" for name in terms if f"train/{name}" in metrics
    )
