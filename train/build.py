"""A training run's parts: the module with its objective, and Lightning's trainer."""

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import torch
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from allaprima.images.pixels import Pixels
from allaprima.images.tensors import to_unit_range

from .data.module import ContentDataModule
from .initial_network import initial_network
from .loop import hardware
from .loop.checkpoints import keep_newest, loss_weights_in
from .loop.limits import DivergenceGuard, RunLimits
from .loop.module import StyleTransferModule
from .loop.outlook import Outlook
from .loop.progress import ImageRate, Previews, TrainingProgress
from .objective.prepare import build_loss, build_loss_network
from .run_folder import RunFolder
from .settings.config import TrainConfig
from .settings.parsing import ConfigError

CALIBRATION_PICTURES = 32


def build_trainer(config: TrainConfig, folder: RunFolder, more: Iterable[Callback] = ()) -> Trainer:
    """Return Lightning's trainer with this project's callbacks, and more of them if given.

    Args:
        config: The settings.
        folder: Where checkpoints and logs go.
        more: Further callbacks.

    Raises:
        ConfigError: If the machine has no such devices, or Lightning no such strategy.
    """
    limits = RunLimits(config.steps, config.max_time)
    try:
        device = hardware.device_type(config.accelerator)
        return Trainer(
            accelerator=device,
            devices=config.devices,
            num_nodes=config.nodes,
            strategy=config.strategy,
            precision=hardware.precision(config, device),
            max_epochs=-1,
            max_steps=config.steps or -1,
            callbacks=[
                limits,
                Outlook(limits, config.validate_every),
                DivergenceGuard(config.log_every),
                ImageRate(config.log_every),
                TrainingProgress(),
                Previews(),
                *keep_newest(folder.checkpoints, config.checkpoint_every),
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
    except (MisconfigurationException, ValueError) as error:
        chosen = f"accelerator {config.accelerator}, devices {config.devices}, strategy {config.strategy}"
        raise ConfigError(f"this machine cannot train with {chosen}: {error}") from error


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

    Raises:
        ValueError: If the checkpoint is damaged.
    """
    device = hardware.device(config.accelerator)
    loss_network = build_loss_network(config, weights).to(device)
    style_image = to_unit_range(torch.tensor(style, device=device).permute(2, 0, 1)[None])
    calibration_batches = islice(data.batches(), math.ceil(CALIBRATION_PICTURES / config.batch_size))
    loss = build_loss(
        config,
        loss_network,
        style_image,
        photographs=(to_unit_range(batch.to(device)) for batch in calibration_batches),
        weights=loss_weights_in(checkpoint) if checkpoint else None,
    )
    init = Path("none") if checkpoint else config.init  # the checkpoint has the weights
    network = initial_network(init, config.parts, config.seed)
    module = StyleTransferModule(network, loss, config)
    if hardware.channels_last(config, device.type):
        module.to(memory_format=torch.channels_last)
    if hardware.compiles(config, device.type):
        module.network.compile()
        module.loss.compile()
    return module
