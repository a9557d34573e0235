"""One run that trains a base, from settings to its file."""

import hashlib
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from allaprima.images.folders import pictures_below
from allaprima.images.pixels import Pixels
from allaprima.images.tensors import to_unit_range
from allaprima.models.style_file import StyleHeader, save_style
from allaprima.train.build import CALIBRATION_PICTURES, build_trainer
from allaprima.train.command_line import flags_for, portable
from allaprima.train.data.module import ContentDataModule
from allaprima.train.initial_network import initial_network
from allaprima.train.loop import hardware
from allaprima.train.loop.checkpoints import save_last
from allaprima.train.loop.limits import Interruption
from allaprima.train.loop.progress import PreparationProgress
from allaprima.train.loop.quiet_lightning import without_advice
from allaprima.train.objective.perceptual import PerceptualLoss
from allaprima.train.objective.prepare import build_loss, build_loss_network, read_loss_weights
from allaprima.train.run_folder import RunFolder
from allaprima.train.style_picture import checksum, read_style

from .config import BaseConfig
from .module import BaseModule

RESULT = "base.safetensors"


def train_base(config: BaseConfig, folder: RunFolder, checkpoint: Path | None = None) -> Path:
    """Train one network on many styles and return its file, a style file of their mean.

    Args:
        config: The settings; `styles` and `content` must be given.
        folder: A folder from `create_run_folder` or `open_run_folder`.
        checkpoint: Where to go on from.

    Raises:
        ValueError: If a style picture, weights or photographs cannot be used.
        FileNotFoundError: If a file does not exist.
        ConnectionError: If the loss network's weights are not at hand.
        DivergenceError: If the objective is no longer finite; the last checkpoints stay.
        OSError: If the run folder cannot be written.
    """
    assert config.styles is not None
    assert config.content is not None
    files = pictures_below(config.styles)
    if not files:
        raise ValueError(f"styles '{config.styles}' holds no pictures")
    settings = config.training
    initial = initial_network(config.init or Path("none"), config.parts, config.seed)
    settings, weights = read_loss_weights(settings)
    styles = [read_style(file, config.style_size) for file in files]
    data = ContentDataModule(config.content, settings, progress=PreparationProgress())
    data.prepare_data()
    data.setup()
    loss_network = build_loss_network(settings, weights).to(hardware.device(config.accelerator))
    photographs = [
        to_unit_range(batch.to(loss_network.device))
        for batch in islice(data.batches(), math.ceil(CALIBRATION_PICTURES / config.batch_size))
    ]
    losses = [
        build_loss(settings, loss_network, _image(style).to(loss_network.device), photographs=photographs)
        for style in styles
    ]
    module = BaseModule(initial, losses, settings)
    folder.save_config(config)
    interruption = Interruption()
    with without_advice():
        trainer = build_trainer(settings, folder, [interruption])
        with interruption.listening():
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        save_last(trainer, folder.checkpoints)
        validation = trainer.validate(module, data, verbose=False)[0]
    result = folder.root / RESULT
    terms = {name.removeprefix("val/"): round(float(value), 6) for name, value in validation.items()}
    header = _header(config, files, losses, trainer.global_step, terms)
    save_style(result, module.common_network(), header)
    return result


def _image(style: Pixels) -> torch.Tensor:
    return to_unit_range(torch.tensor(style).permute(2, 0, 1)[None])


def _header(
    config: BaseConfig,
    files: Sequence[Path],
    losses: Sequence[PerceptualLoss],
    steps: int,
    validation: dict[str, float],
) -> StyleHeader:
    checksums = "".join(checksum(file) for file in files)
    defaults = BaseConfig(loss_preset=config.loss_preset, network=config.network).to_dict()
    return StyleHeader(
        dtype=config.dtype,
        style_name=f"base of {len(files)} styles",
        style_sha256=hashlib.sha256(checksums.encode()).hexdigest(),
        loss={"fingerprint": losses[0].loss_network.fingerprint},
        steps=steps,
        validation=validation,
        command=" ".join(["allaprima", "train-base", *flags_for(portable(config.to_dict()), defaults)]),
        licence=config.licence,
        author=config.author,
    )
