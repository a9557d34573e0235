"""The steps of a training run, once its folder stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from allaprima.atomic import require_writable
from allaprima.images.picture_files import Picture, write_picture
from allaprima.images.pixels import Pixels
from allaprima.models.style_file import encode_style, save_style
from allaprima.models.transformer import TransformerNetwork

from .data.data_module import ContentDataModule
from .evaluate.report import sheet
from .evaluate.scores import Photograph, Scores, collect, score_picture
from .evaluate.synthetic_steadiness import steadiness_figures
from .kept_style_pictures import keep_styles
from .loop.checkpoints.content import loss_weights_in
from .loop.hardware import not_compiled
from .loop.style_module import StyleTransferModule
from .objective.perceptual_loss import PerceptualLoss
from .objective.temporal_consistency import temporal_consistency
from .rank_zero import is_first_process
from .run_folder import RunFolder
from .run_setup import set_up_run
from .settings.config import TrainConfig
from .style_header import style_header
from .style_picture import StylePicture
from .trainer import fit

SCORED = 4
"""Held-out photographs on the contact sheet, whose figures go into the style file."""


@dataclass(frozen=True)
class TrainedStyle:
    """What a run has made."""

    folder: Path
    style_file: Path
    contact_sheet: Path
    steps: int
    validation: dict[str, float]
    interrupted: bool
    advice: str
    """What would help this style most, from its own held-out curve."""
    exit_code: int
    """What a program that made it should end with: 143 or 129 if SIGTERM or SIGHUP ended it early."""


def train_style_in_folder(
    config: TrainConfig,
    style_picture: StylePicture,
    content: str,
    folder: RunFolder,
    checkpoint: Path | None = None,
) -> TrainedStyle:
    """Train one style and write its file and contact sheet into the run folder.

    Args:
        config: The settings.
        style_picture: The style picture, from its file or from the folder.
        content: The photographs.
        folder: A folder from `create_run_folder` or `open_run_folder`.
        checkpoint: Where to go on from.

    Raises:
        Exception: What `train_style` and `resume_style` raise.
    """
    style = style_picture.path
    run = set_up_run(
        config,
        [style_picture],
        content,
        folder,
        checkpoint,
        outputs=(folder.style_file(style), folder.contact_sheet),
        weights=loss_weights_in(checkpoint) if checkpoint else None,
    )
    config, (loss,) = run.config, run.losses
    module = StyleTransferModule(run.network, loss, config, temporal_consistency(config))
    module.suit(run.device.type)
    if is_first_process():
        header = style_header(style_picture, config, loss, steps=0, validation={})
        require_writable(folder.style_file(style), needed=len(encode_style(run.network, header)))
        keep_styles(folder.styles, [style_picture])
        folder.save_config(run.stored)
    with run.interruption.listening(folder.kept):  # to the end, so that one signal leaves nothing half done
        result = fit(run.trainer, run.interruption, module, run.data, folder, checkpoint)
        trained = TrainedStyle(
            folder=folder.root,
            style_file=folder.style_file(style),
            contact_sheet=folder.contact_sheet,
            steps=result.steps,
            validation=result.validation,
            interrupted=result.is_interrupted,
            advice=result.advice(config, style_picture.shorter_side),
            exit_code=run.interruption.exit_code,
        )
        if run.trainer.is_global_zero:
            _write(trained, style_picture, config, module, run.data)
    return trained


def _write(
    trained: TrainedStyle,
    style_picture: StylePicture,
    config: TrainConfig,
    module: StyleTransferModule,
    data: ContentDataModule,
) -> None:
    """Write the style file, score it, and draw the contact sheet."""
    header = style_header(
        style_picture, config, module.loss, steps=trained.steps, validation=trained.validation
    )
    network = module.averaged.float().eval()
    save_style(trained.style_file, network, header)  # before anything else can fail
    photographs = data.photographs(SCORED)
    with not_compiled():
        scores = _score_held_out(network, module.loss, photographs)
    quality = scores.figures
    if config.temporal:
        quality |= steadiness_figures(network, photographs, next(network.parameters()).device)
    save_style(trained.style_file, network, header.model_copy(update={"quality": quality}))
    shown = sheet(style_picture.on(config.background), network, scores)
    write_picture(Picture(shown), trained.contact_sheet)


def _score_held_out(
    network: TransformerNetwork, loss: PerceptualLoss, photographs: Iterable[Pixels]
) -> Scores:
    """Return the scores on some whole photographs."""
    pictures = [
        Photograph(f"held-out {number}", partial(np.copy, pixels))
        for number, pixels in enumerate(photographs, start=1)
    ]
    return collect(network, [score_picture(network, loss, picture) for picture in pictures])
