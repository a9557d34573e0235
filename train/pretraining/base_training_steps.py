"""The steps of a run that trains a base, once its folder stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from allaprima.models.style_file import save_style
from allaprima.train.kept_style_pictures import keep_styles
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.objective.temporal_consistency import temporal_consistency
from allaprima.train.rank_zero import is_first_process
from allaprima.train.run_folder import RunFolder
from allaprima.train.run_setup import set_up_run
from allaprima.train.style_header import describe_loss, run_header, style_header
from allaprima.train.style_picture import StylePicture, joint_checksum
from allaprima.train.trainer import Fit, fit

from .config import BaseConfig
from .multi_style_module import BaseModule

RESULT = "base.safetensors"
COMMAND = "train-base"


@dataclass(frozen=True)
class TrainedBase:
    """What a run has made."""

    folder: Path
    file: Path
    styles: Path
    """The folder of the styles that it has learned, a style file for each."""
    steps: int
    validation: dict[str, float]
    """Terms on crops of held-out photographs, the mean of all styles."""
    interrupted: bool
    advice: str
    """What would help most, from the base's own held-out curve."""
    exit_code: int
    """What a program that made it should end with: 143 or 129 if SIGTERM or SIGHUP ended it early."""


def train_base_in_folder(
    config: BaseConfig,
    style_pictures: Sequence[StylePicture],
    content: str,
    folder: RunFolder,
    checkpoint: Path | None = None,
) -> TrainedBase:
    """Train one network on many styles, and write its file and one for each style into the run folder.

    Args:
        config: The settings.
        style_pictures: From their files, or from the folder.
        content: The photographs.
        folder: A folder from `create_run_folder` or `open_run`.
        checkpoint: Where to go on from.

    Raises:
        Exception: What `train_base` and `resume_base` raise.
    """
    trained_base = folder.root / RESULT
    run = set_up_run(config, style_pictures, content, folder, checkpoint, outputs=[trained_base])
    config, losses = run.config, run.losses
    names = [style_picture.path.stem for style_picture in style_pictures]
    module = BaseModule(run.network, losses, names, config, temporal_consistency(config))
    module.suit(run.device.type)
    if is_first_process():
        keep_styles(folder.styles, style_pictures)
        folder.save_config(run.stored)
    with run.interruption.listening(folder.kept):
        result = fit(run.trainer, run.interruption, module, run.data, folder, checkpoint)
        trained = TrainedBase(
            folder=folder.root,
            file=trained_base,
            styles=folder.root / "styles",
            steps=result.steps,
            validation=_terms_of("", result),
            interrupted=result.is_interrupted,
            advice=result.advice(config, min(style_picture.shorter_side for style_picture in style_pictures)),
            exit_code=run.interruption.exit_code,
        )
        if run.trainer.is_global_zero:
            header = run_header(
                config,
                f"base of {len(style_pictures)} styles",
                joint_checksum(style_pictures),
                describe_loss(config, losses[0].loss_network, None),
                steps=trained.steps,
                validation=trained.validation,
                command=COMMAND,
            )
            save_style(trained.file, module.common_network(), header)
            _write_styles(trained.styles, style_pictures, config, module, result)
    return trained


def _write_styles(
    folder: Path, style_pictures: Sequence[StylePicture], config: BaseConfig, module: BaseModule, result: Fit
) -> None:
    """Write a style file for every style, each with its own objective and terms in the header."""
    folder.mkdir(exist_ok=True)
    styles = zip(style_pictures, module.style_networks(), module.losses, strict=True)
    for style_picture, network, loss in styles:
        assert isinstance(loss, PerceptualLoss)
        name = style_picture.path.stem
        validation = _terms_of(f"{name}/", result)
        header = style_header(
            style_picture, config, loss, steps=result.steps, validation=validation, command=COMMAND
        )
        save_style(folder / f"{name}.safetensors", network, header)


def _terms_of(style: str, result: Fit) -> dict[str, float]:
    """Return the held-out terms of one style, which a prefix names; without one, the mean of all."""
    terms = {
        name.removeprefix(style): value for name, value in result.validation.items() if name.startswith(style)
    }
    return {name: value for name, value in terms.items() if "/" not in name}
