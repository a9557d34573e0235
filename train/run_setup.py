"""What every training run prepares before it begins: pictures, photographs, objectives, network, trainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import torch
from lightning import Trainer

from allaprima.atomic import require_writable
from allaprima.models.loss_description import LossWeights
from allaprima.models.transformer import TransformerNetwork
from allaprima.out_of_memory import memory_advice

from .calibration_batches import calibration_batches
from .data.data_module import ContentDataModule
from .initial_network import initial_file, initial_network
from .loop import hardware
from .loop.checkpoints.content import learning_rate_in
from .loop.checkpoints.same_inputs import SameInputs
from .loop.interruption import Interruption
from .loop.optimizer import peak_learning_rate
from .loop.progress import PreparationProgress
from .objective.perceptual_loss import PerceptualLoss
from .objective.prepare_objective import check_loss_layers, prepare_objectives
from .rank_zero import is_first_process
from .run_folder import RunFolder
from .settings.config import RunConfig
from .style_picture import StylePicture, joint_checksum
from .trainer import build_trainer

Config = TypeVar("Config", bound=RunConfig)


@dataclass(frozen=True)
class RunSetup(Generic[Config]):
    """A run that only lacks the module to train."""

    config: Config
    """The settings, with what is chosen where nothing is given: loss network, learning rate, echo."""
    stored: Config
    """The settings as the run's folder keeps them: `config`, but `lr` only if it was asked for. Another run
    with these settings chooses its own; checkpoints have the one that was chosen."""
    losses: list[PerceptualLoss]
    """The objective of each style."""
    network: TransformerNetwork
    """As it begins; a checkpoint's weights are restored later."""
    data: ContentDataModule
    device: torch.device
    trainer: Trainer
    interruption: Interruption


def set_up_run(
    config: Config,
    style_pictures: Sequence[StylePicture],
    content: str,
    folder: RunFolder,
    checkpoint: Path | None,
    *,
    outputs: Sequence[Path],
    weights: LossWeights | None = None,
) -> RunSetup[Config]:
    """Read and prepare everything that a run needs.

    What can be wrong is looked at from quick to slow: settings, outputs, devices, the loss network's weights,
    the photographs.

    Args:
        config: The settings.
        style_pictures: The style pictures; what becomes of their files does not matter.
        content: The photographs.
        folder: Where checkpoints and logs go.
        checkpoint: Where to go on from.
        outputs: Files that are written at the end.
        weights: Loss weights found earlier.

    Raises:
        Exception: What `train_style` raises.
    """
    check_loss_layers(config)
    start = None if checkpoint else initial_file(config.init, config.transformer)
    if is_first_process():
        for file in outputs:
            require_writable(file)
    interruption = Interruption()
    trainer = build_trainer(config, folder, [SameInputs(joint_checksum(style_pictures)), interruption])
    device = hardware.device(config.accelerator)
    echo = hardware.echo(config, device.type)
    rate = config.lr
    # Older checkpoints have none: their run's settings have it, or all had the same.
    earlier = learning_rate_in(checkpoint) if checkpoint and not rate else None
    peak = earlier or peak_learning_rate(config, from_trained=start is not None)
    config = config.model_copy(update={"echo": echo, "lr": peak})
    data = ContentDataModule(content, config, echo=echo, progress=PreparationProgress())
    with memory_advice("lower --style-size, --batch-size or --crop-size"):
        config, losses = prepare_objectives(
            config,
            [style_picture.pixels for style_picture in style_pictures],
            device,
            partial(calibration_batches, data, config.batch_size, device),
            weights=weights,
        )
    network = initial_network(start, config.transformer, config.seed)
    stored = config.model_copy(update={"lr": rate})
    return RunSetup(config, stored, losses, network, data, device, trainer, interruption)
