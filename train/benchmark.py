"""How fast a configuration trains on this machine."""

import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor

from allaprima.models.loss_network import weight_shapes

from . import hardware
from .config import TrainConfig
from .data.module import ContentDataModule
from .run import build_module, build_trainer, without_advice
from .run_folder import RunFolder
from .style_image import read_style

PICTURES = 64
"""Photographs made for the measurement: noise, since what is on them does not matter."""


def measure(config: TrainConfig, *, steps: int, warmup: int) -> dict[str, Any]:
    """Return images per second, the share of waiting for data, peak memory and the circumstances.

    Args:
        config: The settings; style and content are replaced by made-up pictures, and the loss
            network's weights by random ones, since speed depends on neither.
        steps: Steps that count, at least 1.
        warmup: Steps before them.
    """
    device = hardware.device_type(config.accelerator)
    clock = _Clock(warmup)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = _shortened(config, folder, warmup + steps)
        _make_pictures(folder)
        data = ContentDataModule(str(folder / "photographs"), config)
        data.prepare_data()
        data.setup()
        style = read_style(folder / "style.png", config.style_size)
        module = build_module(config, _random_weights(config.loss_network), style, data)
        with without_advice():
            trainer = build_trainer(config, RunFolder(folder / "run"), data.preview_pictures(1), [clock])
            trainer.fit(module, datamodule=data)
    seconds = statistics.median(clock.steps)
    return {
        "images_per_second": config.batch_size * trainer.world_size / seconds,
        "data_wait_share": sum(clock.waits) / (sum(clock.waits) + sum(clock.steps)),
        "peak_memory_bytes": _peak_memory(device),
        "seconds_per_step": seconds,
        "steps": steps,
        "batch_size": config.batch_size,
        "crop_size": config.crop_size,
        "loss_network": config.loss_network,
        "precision": hardware.precision(config, device),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
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

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Note when a batch has arrived."""
        self._began = _now(pl_module.device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
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
    """Return the settings for a run of a few steps without validation and checkpoints."""
    never = 10**9
    changes = {"cache_dir": folder, "max_steps": steps, "max_time": None}
    return config.model_copy(update={**changes, "validate_every": never, "checkpoint_every": never})


def _make_pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "photographs").mkdir()
    for path in (
        *(folder / "photographs" / f"{index}.jpg" for index in range(PICTURES)),
        folder / "style.png",
    ):
        coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(path)


def _random_weights(architecture: str) -> dict[str, Tensor]:
    """Return He-initialised weights, so that features neither vanish nor explode."""
    return {
        name: torch.randn(shape) * (2 / (9 * shape[1])) ** 0.5 if len(shape) == 4 else torch.zeros(shape)
        for name, shape in weight_shapes(architecture).items()
    }


def _peak_memory(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    unit = 1 if platform.system() == "Darwin" else 1024  # kilobytes on Linux, bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
