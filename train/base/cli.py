"""The command `allaprima train-base`."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from allaprima.train.run_folder import create_run_folder, resumable_run
from allaprima.train.settings.flags import flags_of, typed_settings
from allaprima.train.settings.parsing import ConfigError, parse_settings, read_yaml

from .config import BaseConfig

_log = logging.getLogger(__name__)


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
    flags = typed_settings(settings, unknown)
    folder, checkpoint = (None, None) if resume is None else resumable_run(resume)
    settled = _parsed(config if folder is None else folder.config, flags)
    if settled.styles is None or settled.content is None:
        raise ConfigError("give a folder of style pictures with --styles and photographs with --content")
    if folder is None:
        folder = create_run_folder(settled.output, settled.styles)
    from allaprima.train.loop.limits import DivergenceError

    from .run import train_base as run

    _log.info("preparing the run in %s", folder.root)
    try:
        result = run(settled, folder, checkpoint)
    except DivergenceError as error:
        print(f"error: training has diverged: {error}; try a lower --lr", file=sys.stderr)
        return 1
    finally:
        folder.discard_unused()
    print(f"base: {result}")
    print(f"start from it: allaprima train --init {result} --style PICTURE --content PHOTOGRAPHS")
    return 0


def _parsed(file: Path | None, flags: dict[str, Any]) -> BaseConfig:
    values = read_yaml(file) if file else {}
    source = dict.fromkeys(values, str(file)) | dict.fromkeys(flags, "")
    return parse_settings(BaseConfig, {**values, **flags}, source)
