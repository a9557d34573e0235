"""One distillation from settings to the compact network's file, with its log, settings and model card."""

from itertools import islice
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor

from allaprima.models.atomic import write_atomically
from allaprima.models.compact import read_compact, save_compact
from allaprima.models.loss_network import LossNetwork
from allaprima.models.loss_weights import load_loss_weights
from allaprima.models.memory import keep_freed_memory
from allaprima.train import hardware
from allaprima.train.build import without_advice
from allaprima.train.data.module import ContentDataModule
from allaprima.train.limits import Interruption, RunLimits
from allaprima.train.module import to_unit_range
from allaprima.train.progress import PreparationProgress, TrainingProgress

from .card import facts, model_card
from .config import DistillConfig
from .initial import least_squares_weights
from .module import TERMS, DistillModule
from .pictures import disturb
from .student import LAYERS, Student

STEPS = 3000
FITTED_BATCHES = 24
"""Batches of photographs, and half as many of paintings, that the first weights are fitted to."""

RESULT = "compact.safetensors"


class _Saving(Callback):
    """Write the result after each validation, so that a run may be ended at any time."""

    def __init__(self, config: DistillConfig) -> None:
        self._config = config

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the weights and the model card."""
        assert isinstance(pl_module, DistillModule)
        found = {name: float(value) for name, value in trainer.callback_metrics.items()}
        card = facts(self._config, pl_module.teacher.lineage, trainer.global_step, found)
        save_compact(self._config.output / RESULT, pl_module.student.weights(), card)
        with write_atomically(self._config.output / "README.md") as temporary:
            temporary.write_text(model_card(card), encoding="utf-8")


def distill(config: DistillConfig, content: str) -> Path:
    """Train the compact network and return its file.

    Args:
        config: The settings; `output` must be an empty folder.
        content: The photographs.

    Raises:
        ValueError: If weights or pictures cannot be used.
        FileNotFoundError: If a file does not exist.
        ConnectionError: If VGG-19's weights are not at hand.
        OSError: If the folder cannot be written.
    """
    keep_freed_memory()
    teacher_weights = load_loss_weights("vgg19", config.loss_weights)
    teacher = LossNetwork("vgg19", LAYERS, teacher_weights)
    photographs = _pictures(content, config)
    paintings = _pictures(config.paintings or content, config)
    generator = torch.Generator().manual_seed(config.seed)
    if config.init:
        weights = read_compact(config.init)
    else:
        weights = least_squares_weights(
            teacher_weights, _examples(photographs, paintings, generator), generator
        )
    module = DistillModule(
        Student(weights),
        teacher,
        iter(paintings.batches()),
        config,
        painter_steps=config.painter_steps,
        seed=config.seed,
    )
    interruption = Interruption()
    with without_advice():
        trainer = _trainer(config, interruption)
        with interruption.listening():
            trainer.fit(module, datamodule=photographs)
        trainer.validate(module, photographs, verbose=False)
    return config.output / RESULT


def _pictures(source: str, config: DistillConfig) -> ContentDataModule:
    data = ContentDataModule(source, config, progress=PreparationProgress())
    data.prepare_data()
    data.setup()
    return data


def _examples(
    photographs: ContentDataModule, paintings: ContentDataModule, generator: torch.Generator
) -> Tensor:
    """Return pictures to fit the first weights to."""

    def first(data: ContentDataModule, count: int) -> Tensor:
        return to_unit_range(torch.cat(list(islice(data.batches(), count))))

    plain = torch.cat([first(photographs, FITTED_BATCHES), first(paintings, FITTED_BATCHES // 2)])
    return torch.cat([plain, disturb(plain[::3], generator)])


def _trainer(config: DistillConfig, *callbacks: Callback) -> Trainer:
    steps = config.max_steps or (None if config.max_time else STEPS)
    return Trainer(
        accelerator=hardware.device_type("auto"),
        devices=1,
        max_epochs=-1,
        max_steps=steps or -1,
        callbacks=[RunLimits(steps, config.max_time), TrainingProgress(TERMS), _Saving(config), *callbacks],
        logger=CSVLogger(config.output, name="", version=""),
        log_every_n_steps=10,
        val_check_interval=config.save_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=config.output,
    )
