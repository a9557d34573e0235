"""What TensorBoard shows of a run: terms of steps and validations, pictures per second, previews."""

import time
from collections.abc import Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from allaprima.images.tensors import to_unit_range
from allaprima.train.data.data_module import ContentDataModule

PREVIEWS = 4
"""Photographs in the preview grid."""


def log_training_terms(module: LightningModule, terms: Mapping[str, Tensor]) -> None:
    """Log the terms of a training step, as `train/content` and so on."""
    module.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})


def log_validation_terms(module: LightningModule, terms: Mapping[str, Tensor], pictures: int) -> None:
    """Log the terms on a batch of so many held-out photographs, as `val/content` and so on."""
    module.log_dict(
        {f"val/{name}": value for name, value in terms.items()}, batch_size=pictures, sync_dist=True
    )


class ImageRate(Callback):
    """Log images per second over all devices.

    Args:
        every: Steps between logged values.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._last = 0.0
        self._last_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; a resumed run starts at a later step."""
        self._last, self._last_step = time.monotonic(), trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Tensor, batch_idx: int
    ) -> None:
        """Log the rate since the last logged step."""
        if trainer.global_step % self._every == 0:
            now = time.monotonic()
            images = (trainer.global_step - self._last_step) * len(batch) * trainer.world_size
            pl_module.log("train/images_per_second", images / (now - self._last))
            self._last, self._last_step = now, trainer.global_step


class Previews(Callback):
    """Write a fixed grid of held-out photographs and their stylised versions to TensorBoard."""

    @rank_zero_only
    @torch.no_grad()
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stylise the photographs as the network stands."""
        if trainer.state.fn != TrainerFn.FITTING or not isinstance(trainer.logger, TensorBoardLogger):
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ContentDataModule)
        photographs = to_unit_range(data.preview_pictures(PREVIEWS).to(pl_module.device))
        grid = torch.cat([_row(photographs), _row(pl_module(photographs))], dim=1)
        trainer.logger.experiment.add_image("preview", grid.clamp(0, 1).float().cpu(), trainer.global_step)


def _row(images: Tensor) -> Tensor:
    """Return pictures `(B, 3, H, W)` side by side, `(3, H, B * W)`."""
    return torch.cat(list(images), dim=2)
