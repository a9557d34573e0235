"""One training run from settings to style file."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from allaprima.models.contact_sheet import Pixels
from allaprima.models.images import Picture, write_picture
from allaprima.models.style_file import save_style
from allaprima.models.transformer import TransformerNetwork

from . import hardware
from .config import TrainConfig, require
from .data.module import ContentDataModule
from .describe import style_header
from .evaluate.measure import Photograph, Scores, collect, score_picture
from .evaluate.report import sheet
from .limits import DivergenceGuard, RunLimits
from .module import StyleTransferModule, to_unit_range
from .objective import build_loss, build_loss_network, read_loss_weights
from .perceptual import LossWeights, PerceptualLoss
from .progress import ImageRate, PreparationProgress, Previews, TrainingProgress
from .run_folder import RunFolder, is_first_process
from .style_image import read_style

CALIBRATION_BATCHES = 8
PREVIEWS = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedStyle:
    """What a run has made."""

    style_file: Path
    contact_sheet: Path
    steps: int
    validation: dict[str, float]
    interrupted: bool


def train_style(config: TrainConfig, folder: RunFolder, checkpoint: Path | None = None) -> TrainedStyle:
    """Train one style and write its file and contact sheet into the run folder.

    Args:
        config: The settings; `style` and `content` must be given.
        folder: A folder from `create_run_folder` or `open_run_folder`.
        checkpoint: Where to go on from.

    Raises:
        ConfigError: If the style picture or the photographs are not given.
        PictureError: If the style picture cannot be read.
        ConnectionError: If the loss network's weights are not at hand.
        DivergenceError: If the objective is no longer finite; the last checkpoint stays.
        OSError: If the run folder cannot be written.
    """
    style, content = require(config)
    pixels = read_style(style, config.style_size)
    data = ContentDataModule(content, config, progress=PreparationProgress())
    data.prepare_data()
    data.setup()
    weights = read_loss_weights(config)
    module = build_module(config, weights, pixels, data, checkpoint)
    if is_first_process():
        folder.save_config(config)
    previews = data.preview_pictures(PREVIEWS)
    with without_advice():
        trainer = build_trainer(config, folder, previews)
        with _interruptible(trainer) as interruption:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        _keep_last_state(trainer, folder)
        validation = trainer.validate(module, data, verbose=False)[0]
    steps = trainer.global_step
    terms = {name.removeprefix("val/"): float(value) for name, value in validation.items()}
    result = TrainedStyle(
        folder.style_file(style), folder.contact_sheet, steps, terms, interruption.is_requested
    )
    if trainer.is_global_zero:
        header = style_header(style, pixels, config, config, module.loss, steps=steps, validation=terms)
        network = module.averaged.float().eval()
        save_style(result.style_file, network, header)
        scores = _score_held_out(network, module.loss, data.photographs(PREVIEWS))
        save_style(result.style_file, network, header.model_copy(update={"quality": scores.figures}))
        write_picture(Picture(sheet(pixels, network, scores)), result.contact_sheet)
    return result


def build_module(
    config: TrainConfig,
    weights: Mapping[str, Tensor],
    style: Pixels,
    data: ContentDataModule,
    checkpoint: Path | None = None,
) -> StyleTransferModule:
    """Return the network and its objective, calibrated, explicit, or as the checkpoint has it.

    Args:
        config: The settings.
        weights: The loss network's weights.
        style: The style picture at its training size, `(H, W, 3)`, uint8.
        data: The photographs, set up.
        checkpoint: Where to go on from.
    """
    device = hardware.device(config.accelerator)
    loss_network = build_loss_network(config, weights).to(device)
    style_image = to_unit_range(torch.tensor(style, device=device).permute(2, 0, 1)[None])
    loss = build_loss(
        config,
        loss_network,
        style_image,
        photographs=(
            to_unit_range(batch.to(device)) for batch in islice(data.batches(), CALIBRATION_BATCHES)
        ),
        weights=_stored_weights(checkpoint) if checkpoint else None,
    )
    torch.manual_seed(config.seed)
    module = StyleTransferModule(TransformerNetwork(config.width, config.residual_blocks), loss, config)
    if hardware.channels_last(config, device.type):
        module.to(memory_format=torch.channels_last)
    if hardware.compiles(config, device.type):
        module.network.compile()
        module.loss.compile()
    return module


def build_trainer(
    config: TrainConfig, folder: RunFolder, previews: Tensor, more: Iterable[Callback] = ()
) -> Trainer:
    """Return Lightning's trainer with this project's callbacks, and more of them if given."""
    device = hardware.device_type(config.accelerator)
    interval = config.checkpoint_every
    checkpoints = ModelCheckpoint(
        dirpath=folder.checkpoints,
        filename="{step}",
        auto_insert_metric_name=False,
        enable_version_counter=False,
        every_n_train_steps=interval if isinstance(interval, int) else None,
        train_time_interval=interval if isinstance(interval, timedelta) else None,
    )
    return Trainer(
        accelerator=device,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=config.strategy,
        precision=hardware.precision(config, device),
        max_epochs=-1,
        max_steps=config.steps or -1,
        callbacks=[
            RunLimits(config.steps, config.max_time),
            DivergenceGuard(config.log_every),
            ImageRate(config.log_every),
            TrainingProgress(),
            Previews(previews),
            checkpoints,
            *more,
        ],
        logger=TensorBoardLogger(folder.logs, name=None, version=""),
        log_every_n_steps=config.log_every,
        val_check_interval=config.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        benchmark=device == "cuda",
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder.root,
    )


def _stored_weights(checkpoint: Path) -> LossWeights:
    stored: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)["loss_weights"]
    return LossWeights(**stored)


def _score_held_out(
    network: TransformerNetwork, loss: PerceptualLoss, photographs: Iterable[Pixels]
) -> Scores:
    """Return the scores on some whole photographs."""
    pictures = [
        Photograph(f"held-out {number}", partial(np.copy, pixels))
        for number, pixels in enumerate(photographs, start=1)
    ]
    return collect(network, [score_picture(network, loss, picture) for picture in pictures])


def _keep_last_state(trainer: Trainer, folder: RunFolder) -> None:
    """Leave exactly one checkpoint, that of the last step."""
    last = folder.checkpoints / f"{trainer.global_step}.ckpt"
    if trainer.strategy.broadcast(not last.exists()):
        trainer.save_checkpoint(last)
    if trainer.is_global_zero:
        for path in folder.checkpoints.glob("*.ckpt"):
            if path != last:
                path.unlink()


@contextmanager
def without_advice() -> Iterator[None]:
    """Keep Lightning's advice (loggers to buy, folders that are not empty) away from the user."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        yield


class _Interruption:
    """Whether the user asked the run to end."""

    is_requested = False


@contextmanager
def _interruptible(trainer: Trainer) -> Iterator[_Interruption]:
    """Let Ctrl-C end the run after the current step; a second one aborts at once."""
    interruption = _Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption  # only the main thread may handle signals
        return
    previous = signal.getsignal(signal.SIGINT)

    def finish(number: int, frame: FrameType | None) -> None:
        _log.warning("finishing the current step; press Ctrl-C again to abort")
        interruption.is_requested = trainer.should_stop = True
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, finish)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, previous)
