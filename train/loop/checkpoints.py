"""Checkpoints: when they are written, how many are kept, and whether inputs are those of the run."""

import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from allaprima.train.data.data_module import ContentDataModule

from .checkpoint_files import by_step, is_whole, newest_whole
from .ema_module import AveragedModule

_log = logging.getLogger(__name__)


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


class SameInputs(Callback):
    """Say so if a run goes on with other pictures or another loss network than it began with.

    Args:
        style_sha256: The style picture's checksum.
    """

    def __init__(self, style_sha256: str) -> None:
        self._inputs = {"style picture": style_sha256}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Look at the photographs, which are chosen by now, and the loss network.

        Raises:
            ValueError: If the processes of a run have different loss networks.
        """
        if isinstance(data := getattr(trainer, "datamodule", None), ContentDataModule):
            self._inputs["photographs"] = data.identity
        assert isinstance(pl_module, AveragedModule)
        fingerprint = self._inputs["loss network"] = pl_module.loss_network.fingerprint
        agreed = trainer.strategy.broadcast(fingerprint) == fingerprint
        if not trainer.strategy.reduce_boolean_decision(agreed, all=True):
            raise ValueError(
                "the processes of this run have different loss networks, since VGG-19's weights can be had "
                "on some machines alone: give --loss-network compact, or the same --loss-weights everywhere"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the checksums."""
        return dict(self._inputs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare the checksums with those of the checkpoint."""
        for name, checksum in self._inputs.items():
            if state_dict.get(name, checksum) != checksum:
                _warn_changed(name)


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


@rank_zero_only
def _warn_changed(name: str) -> None:
    _log.warning("the %s changed since this run began: what follows is not an exact continuation", name)
