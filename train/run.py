"""One training run from settings to style file."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from allaprima.images.picture import Picture, write_picture
from allaprima.images.pixels import Pixels
from allaprima.models.style_file import save_style
from allaprima.models.transformer import TransformerNetwork

from .build import build_module, build_trainer
from .data.module import ContentDataModule
from .evaluate.report import sheet
from .evaluate.scores import Photograph, Scores, collect, score_picture
from .first_process import is_first_process
from .initial_network import initial_file
from .loop.checkpoints import SameInputs, save_last
from .loop.limits import Interruption
from .loop.progress import PreparationProgress
from .loop.quiet_lightning import without_advice
from .objective.perceptual import PerceptualLoss
from .objective.prepare import check_loss_layers, read_loss_weights
from .provenance import style_header
from .run_folder import RunFolder
from .settings.config import TrainConfig
from .settings.parsing import required_inputs
from .style_picture import checksum, read_style

SCORED = 4
"""Held-out photographs on the contact sheet, whose figures go into the style file."""


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

    What can be wrong is looked at from quick to slow: settings, devices, the style picture, the
    loss network's weights, the photographs.

    Args:
        config: The settings; `style` and `content` must be given.
        folder: A folder from `create_run_folder` or `open_run_folder`.
        checkpoint: Where to go on from.

    Raises:
        ConfigError: If the style picture or the photographs are not given, or this machine has
            not the devices.
        ValueError: If a layer is unknown, nothing can be read in `content`, the network of `init` is
            another one, or the loss network's weights or the checkpoint are damaged.
        PictureError: If the style picture cannot be read.
        ConnectionError: If the loss network's weights are not at hand.
        DivergenceError: If the objective is no longer finite; the last checkpoints stay.
        OSError: If the run folder cannot be written.
    """
    style, content = required_inputs(config)
    check_loss_layers(config)
    if checkpoint is None:
        initial_file(config.init, config.parts)
    interruption = Interruption()
    with without_advice():
        trainer = build_trainer(config, folder, [SameInputs(checksum(style)), interruption])
    pixels = read_style(style, config.style_size)
    config, weights = read_loss_weights(config)
    data = ContentDataModule(content, config, progress=PreparationProgress())
    data.prepare_data()
    data.setup()
    module = build_module(config, weights, pixels, data, checkpoint)
    if is_first_process():
        folder.save_config(config)
    with without_advice():
        with interruption.listening():
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        save_last(trainer, folder.checkpoints)
        validation = trainer.validate(module, data, verbose=False)[0]
    terms = {name.removeprefix("val/"): float(value) for name, value in validation.items()}
    steps = trainer.global_step
    result = TrainedStyle(
        folder.style_file(style), folder.contact_sheet, steps, terms, interruption.is_requested
    )
    if trainer.is_global_zero:
        header = style_header(style, pixels, config, module.loss, steps=steps, validation=terms)
        network = module.averaged.float().eval()
        save_style(result.style_file, network, header)  # before anything else can fail
        scores = _score_held_out(network, module.loss, data.photographs(SCORED))
        save_style(result.style_file, network, header.model_copy(update={"quality": scores.figures}))
        write_picture(Picture(sheet(pixels, network, scores)), result.contact_sheet)
    return result


def _score_held_out(
    network: TransformerNetwork, loss: PerceptualLoss, photographs: Iterable[Pixels]
) -> Scores:
    """Return the scores on some whole photographs."""
    pictures = [
        Photograph(f"held-out {number}", partial(np.copy, pixels))
        for number, pixels in enumerate(photographs, start=1)
    ]
    return collect(network, [score_picture(network, loss, picture) for picture in pictures])
