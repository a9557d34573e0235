"""Lightning's trainer with this project's callbacks, and what is done with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import TensorBoardLogger

from .data.data_module import ContentDataModule
from .loop import hardware
from .loop.checkpoints.files import newest_whole
from .loop.checkpoints.restoring import Restoring
from .loop.checkpoints.writing import keep_newest, save_last
from .loop.interruption import Interruption
from .loop.limits import DivergenceError, DivergenceGuard, RunLimits
from .loop.progress import TrainingProgress
from .loop.quiet_lightning import without_advice
from .loop.scheduled_module import ScheduledModule
from .loop.tensor_cores import TensorCores
from .loop.tensorboard_metrics import ImageRate, Previews
from .loop.time_estimate import Outlook, advice, nothing_left
from .run_folder import RunFolder
from .settings.config import RunConfig
from .settings.parsing import ConfigError


@dataclass(frozen=True)
class Fit:
    """What became of a module that was trained."""

    steps: int
    """Steps of the whole run."""
    made: int
    """Steps of this part of it."""
    validation: dict[str, float]
    """Terms on crops of held-out photographs."""
    is_interrupted: bool
    curve: list[tuple[int, float]]
    """Steps and held-out totals of the whole run, in order."""

    def advice(self, config: RunConfig, style_side: int) -> str:
        """Return what would help most now.

        Args:
            config: The settings of the run.
            style_side: Shorter side of the style picture as it is, of several of the smallest.
        """
        if not self.made:
            return nothing_left(config.steps, config.max_time)
        return advice(self.curve, style_size=config.style_size, style_side=style_side)


def build_trainer(config: RunConfig, folder: RunFolder, callbacks: Iterable[Callback] = ()) -> Trainer:
    """Return Lightning's trainer with this project's callbacks and further ones.

    Args:
        config: The settings.
        folder: Where checkpoints and logs go.
        callbacks: Further callbacks.

    Raises:
        ConfigError: If the machine has no such devices, or Lightning no such strategy.
    """
    limits = RunLimits(config.steps, config.max_time)
    try:
        device = hardware.device_type(config.accelerator)
        with without_advice():
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
                    TensorCores(),
                    *keep_newest(folder.checkpoints, config.checkpoint_every),
                    *callbacks,
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
    except (MisconfigurationException, TypeError, ValueError) as error:
        chosen = f"accelerator {config.accelerator}, devices {config.devices}, strategy {config.strategy}"
        raise ConfigError(f"this machine cannot train with {chosen}: {error}") from error


def fit(
    trainer: Trainer,
    interruption: Interruption,
    module: ScheduledModule,
    data: ContentDataModule,
    folder: RunFolder,
    checkpoint: Path | None,
) -> Fit:
    """Train a module to its limits or until it is asked to end, keep its last checkpoint, and validate it.

    Args:
        trainer: From `build_trainer`, with `interruption` among its callbacks.
        interruption: What says whether it was asked to end; it listens by now.
        module: What learns.
        data: The photographs, set up.
        folder: Where the last checkpoint goes.
        checkpoint: Where to go on from.

    Raises:
        ValueError: If the checkpoint is not one of such a run.
        DivergenceError: If the objective is no longer finite; the last checkpoints stay.
    """
    restoring = Restoring(checkpoint)
    trainer.callbacks.append(restoring)  # type: ignore[attr-defined]
    with without_advice():
        try:
            with restoring.explained():
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except DivergenceError as error:
            raise DivergenceError(f"{error}; {folder.kept()}{_slower(folder, module)}") from error
        save_last(trainer, folder.checkpoints)
        validation = trainer.validate(module, data, verbose=False)[0]
    (outlook,) = (callback for callback in trainer.callbacks if isinstance(callback, Outlook))  # type: ignore[attr-defined]
    terms = {name.removeprefix("val/"): float(value) for name, value in validation.items()}
    return Fit(trainer.global_step, outlook.made, terms, interruption.is_requested, outlook.curve)


def _slower(folder: RunFolder, module: ScheduledModule) -> str:
    """Return what to add to the way out of a run that has diverged: a quarter of its learning rate."""
    rate = f"--lr {module.peak_lr / 4:.2g}"
    return f" {rate}" if newest_whole(folder.checkpoints) else f": start anew with {rate}, in another folder"
