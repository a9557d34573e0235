"""When checkpoints are written, and how many are kept."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from .files import by_step, is_whole, newest_whole


def keep_newest(folder: Path, interval: int | timedelta) -> tuple[Callback, Callback]:
    """Return callbacks that write `STEP.ckpt` at each interval (steps or time) and keep the newest two: the
    one just written, and one to fall back on should a power cut have damaged it."""
    writing = ModelCheckpoint(
        dirpath=folder,
        filename="{step}",
        auto_insert_metric_name=False,
        enable_version_counter=False,
        save_top_k=-1,
        every_n_train_steps=interval if isinstance(interval, int) else None,
        train_time_interval=interval if isinstance(interval, timedelta) else None,
    )
    return _Pruning(folder), writing


def save_last(trainer: Trainer, folder: Path) -> None:
    """Write the checkpoint of the last step unless that was just done, and is whole."""
    last = folder / f"{trainer.global_step}.ckpt"
    if trainer.strategy.broadcast(not is_whole(last)):
        trainer.save_checkpoint(last)


class _Pruning(Callback):
    """Make room for the checkpoint that is about to be written.

    Args:
        folder: Where the checkpoints are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @rank_zero_only
    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remove all but the newest that is whole, and what is as new and damaged."""
        kept = newest_whole(self._folder)
        for path in by_step(self._folder):
            if path != kept:
                with suppress(OSError):  # what may not be deleted is no reason to end a run
                    path.unlink(missing_ok=True)
