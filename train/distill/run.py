"""One distillation from settings to the compact network's file, with its log, settings and model card."""

from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor

from allaprima.atomic import write_whole
from allaprima.freed_memory import keep_freed_memory
from allaprima.images.tensors import to_unit_range
from allaprima.models.loss.compact import read_compact, save_compact
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss.loss_weights import load_loss_weights
from allaprima.models.style_file import load_style
from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.loop import hardware
from allaprima.train.loop.interruption import Interruption
from allaprima.train.loop.limits import DivergenceGuard, RunLimits
from allaprima.train.loop.progress import PreparationProgress, TrainingProgress
from allaprima.train.loop.quiet_lightning import without_advice
from allaprima.train.settings.parsing import write_yaml

from .config import RESULT, DistillConfig
from .distillation_module import TERMS, DistillModule
from .least_squares_init import least_squares_weights
from .model_card import facts, model_card
from .pictures import disturb
from .student import LAYERS, Student

FITTED_PIXELS = 96 * 128**2
"""Pixels of the photographs, and half as many of paintings, that the first weights are fitted to."""

JUDGED_ON = "great-wave"

GUARD_EVERY = 10


class _Saving(Callback):
    """Write the result after each validation, so that a run may be ended at any time."""

    def __init__(self, config: DistillConfig, pictures: Mapping[str, str]) -> None:
        self._config = config
        self._pictures = pictures

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the weights and the model card."""
        assert isinstance(pl_module, DistillModule)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        card = facts(self._config, pl_module.teacher.lineage, trainer.global_step, self._pictures, metrics)
        save_compact(self._config.output / RESULT, pl_module.student.weights(), card)
        write_whole(self._config.output / "README.md", model_card(card).encode())


def distill(config: DistillConfig, content: str, interruption: Interruption | None = None) -> Path:
    """Train the compact network and return its file.

    Args:
        config: The settings; `output` must be new or an empty folder.
        content: The photographs.
        interruption: Says afterwards whether the run was asked to end early.

    Raises:
        ValueError: If weights or pictures cannot be used.
        FileNotFoundError: If a file does not exist.
        ConnectionError: If VGG-19's weights are not at hand.
        OSError: If the folder cannot be written.
    """
    keep_freed_memory()
    initial = read_compact(config.init) if config.init else None
    teacher_weights = load_loss_weights("vgg19", config.loss_weights)
    teacher = LossNetwork("vgg19", LAYERS, teacher_weights)
    photographs = _pictures(content, config)
    if len(photographs.preview_pictures(2)) < 2:
        raise ValueError(
            "errors of Gram differences are measured between two held-out pictures: give at least 20 "
            "photographs, of which a tenth is held out"
        )
    # Another seed: where the photographs serve as paintings, they should not be the very same ones.
    paintings = _pictures(config.paintings or content, config.model_copy(update={"seed": config.seed + 1}))
    generator = torch.Generator().manual_seed(config.seed)
    if initial is None:
        examples = _examples(photographs, paintings, config, generator)
        initial = least_squares_weights(teacher_weights, examples, generator)
    module = DistillModule(
        Student(initial),
        teacher,
        iter(paintings.batches()),
        load_style(Path(JUDGED_ON)).network,
        config,
        lr=config.lr,
        painter_steps=config.painter_steps,
        seed=config.seed,
    )
    interruption = interruption or Interruption()
    _save_settings(config)
    with without_advice():
        identities = {"photographs": photographs.identity, "paintings": paintings.identity}
        trainer = _trainer(config, interruption, _Saving(config, identities))
        with interruption.listening(partial(_kept, config)):
            trainer.fit(module, datamodule=photographs)
            trainer.validate(module, photographs, verbose=False)
    return config.output / RESULT


def _kept(config: DistillConfig) -> str:
    """Say what is there of a run that ends at once."""
    result = config.output / RESULT
    return f"'{result}' is kept, as it last was saved" if result.exists() else "nothing is kept yet"


def _save_settings(config: DistillConfig) -> None:
    """Make the folder and write the settings into it, now that all that can be wrong was looked at."""
    config.output.mkdir(parents=True, exist_ok=True)
    write_yaml(config.output / "config.yaml", config.to_dict())


def _pictures(source: str, config: DistillConfig) -> ContentDataModule:
    data = ContentDataModule(source, config, progress=PreparationProgress())
    data.prepare_data()
    data.setup()
    return data


def _examples(
    photographs: ContentDataModule,
    paintings: ContentDataModule,
    config: DistillConfig,
    generator: torch.Generator,
) -> Tensor:
    """Return pictures to fit the first weights to."""

    def first(data: ContentDataModule, pixels: int) -> Tensor:
        batches = -(-pixels // (config.batch_size * config.crop_size**2))
        return to_unit_range(torch.cat(list(islice(data.batches(), batches))))

    plain = torch.cat([first(photographs, FITTED_PIXELS), first(paintings, FITTED_PIXELS // 2)])
    return torch.cat([plain, disturb(plain[::3], generator)])


def _trainer(config: DistillConfig, *callbacks: Callback) -> Trainer:
    return Trainer(
        accelerator=hardware.device_type("auto"),
        devices=1,
        max_epochs=-1,
        max_steps=config.max_steps,
        callbacks=[
            RunLimits(config.max_steps, config.max_time),
            TrainingProgress(TERMS),
            DivergenceGuard(GUARD_EVERY),
            *callbacks,
        ],
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
