"""The command `allaprima distill`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from allaprima.models.atomic import write_atomically
from allaprima.train.flags import flags_of, given
from allaprima.train.parsing import ConfigError, parse_settings, read_yaml

from .config import DistillConfig

_log = logging.getLogger(__name__)


if TYPE_CHECKING:
    Flags = dict[str, Any]
else:
    Flags = flags_of(DistillConfig)


def distill(
    *,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    **unknown: Annotated[str, Parameter(show=False)],
) -> int:
    """Distil VGG-19 into the compact loss network.

    The result, compact.safetensors, goes wherever VGG-19's weights would: --loss-network compact
    --loss-weights FILE. The package has one already.

    Args:
        config: Settings as YAML; flags win over it. configs/compact.yaml made the package's.
    """
    values = read_yaml(config) if config else {}
    flags = given(settings, unknown)
    settled = parse_settings(
        DistillConfig, {**values, **flags}, dict.fromkeys(values, str(config)) | dict.fromkeys(flags, "")
    )
    if settled.content is None:
        raise ConfigError("content is missing: give a folder of photographs with --content FOLDER")
    _claim(settled)
    from .run import distill as run

    result = run(settled, settled.content)
    print(f"compact network: {result}")
    print(f"model card:      {settled.output / 'README.md'}")
    print(f"train with it:   allaprima train --loss-network compact --loss-weights {result} ...")
    return 0


def _claim(config: DistillConfig) -> None:
    """Make the folder, which must be new or empty, and write the settings into it."""
    import yaml

    config.output.mkdir(parents=True, exist_ok=True)
    if any(config.output.iterdir()):
        raise FileExistsError(f"'{config.output}' is not empty: name a new folder with --output")
    with write_atomically(config.output / "config.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(config.to_dict(), sort_keys=False), encoding="utf-8")
    _log.info("distilling into %s", config.output)
