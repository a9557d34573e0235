"""The command `allaprima train-base`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from allaprima.terminal import quoted, say
from allaprima.train.settings.flags_from_settings import flags_of, typed_settings
from allaprima.train.settings.parsing import load_settings
from allaprima.train.training_command import carry_out_training

from .base_run import resume_base
from .base_run import train_base as train_base_network
from .config import BaseConfig

if TYPE_CHECKING:
    from .base_training_steps import TrainedBase

if TYPE_CHECKING:
    Flags = dict[str, Any]
else:
    Flags = flags_of(BaseConfig)


def train_base(
    *,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    resume: Path | None = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    **unknown: Annotated[str, Parameter(show=False)],
) -> int:
    """Train one network on a folder of styles, for new styles to start from (train --init FILE).

    The package has one already, which `allaprima train` starts from by itself.

    Args:
        config: Settings as YAML; flags win over it.
        resume: Run folder of an earlier run to go on with, with its settings.
    """
    overrides = typed_settings(settings, unknown)
    return carry_out_training(
        "train-base",
        config,
        resume,
        begin=lambda file: train_base_network(load_settings(BaseConfig, file, overrides)),
        go_on=lambda folder: resume_base(folder, overrides),
        report=_report,
    )


def _report(base: "TrainedBase") -> None:
    say(f"base: {base.file}")
    say(f"each of its styles, to paint with or to train on: {base.styles}")
    say(f"start from it: allaprima train --init {quoted(base.file)} --style PICTURE --content PHOTOGRAPHS")
