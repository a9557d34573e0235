"""How fast a configuration trains on this machine."""

import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image

from allaprima.images.tensors import to_image
from allaprima.models.loss.loss_weights import random_loss_weights
from allaprima.peak_memory import peak_memory

from .calibration_batches import calibration_batches
from .data.data_module import ContentDataModule
from .initial_network import initial_file, initial_network
from .loop import hardware
from .loop.quiet_lightning import without_advice
from .loop.style_module import StyleTransferModule
from .objective.prepare_objective import build_loss, build_loss_network
from .objective.temporal_consistency import temporal_consistency
from .run_folder import RunFolder
from .settings.config import TrainConfig
from .style_picture import read_style_picture
from .trainer import build_trainer

PICTURES = 64
"""Photographs that are made where none are given."""


def measure(config: TrainConfig, *, steps: int, warmup: int) -> dict[str, Any]:
    """Return images per second, the share of waiting for data, peak memory and the circumstances.

    Args:
        config: The settings; style and content are made up where they are not given, and the loss
            network's weights are random ones.
        steps: Steps that count, at least 1.
        warmup: Steps before them, at least 1.
    """
    device = hardware.device(config.accelerator)
    clock = _Clock(warmup)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        echo = hardware.echo(config, device.type)
        config = _shortened(config, folder, warmup + steps).model_copy(update={"echo": echo})
        content = config.content or make_photographs(folder)
        data = ContentDataModule(content, config, echo=echo)
        style = read_style_picture(config.style or make_picture(folder / "style.png"), config.style_size)
        loss_network = build_loss_network(config, random_loss_weights(config.loss_network)).to(device)
        photographs = calibration_batches(data, config.batch_size, device)
        loss = build_loss(config, loss_network, to_image(style.pixels, device), photographs=photographs)
        start = initial_file(config.init, config.transformer)
        network = initial_network(start, config.transformer, config.seed)
        module = StyleTransferModule(network, loss, config, temporal_consistency(config))
        module.suit(device.type)
        trainer = build_trainer(config, RunFolder(folder / "run"), callbacks=[clock])
        trainer.limit_val_batches = 0
        with without_advice():
            trainer.fit(module, datamodule=data)
    seconds = statistics.median(map(sum, zip(clock.waits, clock.steps, strict=True)))
    return {
        "images_per_second": config.batch_size * trainer.world_size / seconds,
        "data_wait_share": sum(clock.waits) / (sum(clock.waits) + sum(clock.steps)),
        "peak_memory_bytes": _peak_where_it_trained(device.type),
        "seconds_per_step": seconds,
        "steps": steps,
        "batch_size": config.batch_size,
        "crop_size": config.crop_size,
        "loss_network": config.loss_network,
        "precision": hardware.precision(config, device.type),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


class _Clock(Callback):
    """Time steps, and the waits for data between them."""

    def __init__(self, warmup: int) -> None:
        self.steps: list[float] = []
        self.waits: list[float] = []
        self._warmup = warmup
        self._began = self._ended = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Note when a batch has arrived."""
        self._began = _now(pl_module.device)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Note when a step is done."""
        ended = _now(pl_module.device)
        if trainer.global_step > self._warmup:
            self.steps.append(ended - self._began)
            self.waits.append(self._began - self._ended)
        self._ended = ended


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _shortened(config: TrainConfig, folder: Path, steps: int) -> TrainConfig:
    """Return the settings for a run of a few steps without checkpoints.

    With next to no learning rate, since an objective of random weights may well diverge.
    """
    changes = {"cache_dir": config.cache_dir or folder, "max_steps": steps, "max_time": None, "lr": 1e-9}
    if config.loss_network == "auto":
        changes["loss_network"] = "vgg19"
    return config.model_copy(update={**changes, "checkpoint_every": 10**9})


def make_photographs(folder: Path) -> str:
    """Make a folder of photographs to read, and return its name."""
    (folder / "photographs").mkdir()
    for number in range(PICTURES):
        make_picture(folder / "photographs" / f"{number}.jpg", seed=number)
    return str(folder / "photographs")


def make_picture(path: Path, seed: int = 0) -> Path:
    """Write a picture of coloured clouds, and return its path."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    coarse.resize((640, 480), Image.Resampling.BICUBIC).save(path)
    return path


def _peak_where_it_trained(device: str) -> int:
    """Return the most memory that this process has held, on the GPU if it trains there."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return peak_memory()
