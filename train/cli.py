"""The commands `allaprima train` and `allaprima bench train`."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.output_checks import check_outputs

from .first_process import is_first_process
from .run_folder import create_run_folder, open_run_folder
from .settings.config import FileSettings, RunSettings, TrainConfig
from .settings.flags import flags_of, typed_settings
from .settings.parsing import ConfigError, load_config, required_inputs

RESUMABLE = {*RunSettings.model_fields, *FileSettings.model_fields} | {
    "content",
    "loss_weights",
    "workers",
    "cache",
    "cache_dir",
    "lr",
    "final_lr",
    "precision",
    "channels_last",
    "compile",
}
"""Settings that may change when a run goes on; the others would make it another run."""


_log = logging.getLogger(__name__)


if TYPE_CHECKING:
    Flags = dict[str, Any]
else:
    Flags = flags_of(TrainConfig)


def train(
    *,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    resume: Path | None = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    **unknown: Annotated[str, Parameter(show=False)],
) -> int:
    """Train a network that paints any picture in one style.

    Args:
        config: Settings as YAML, a file or a packaged one's name: default, quick, demo, paper; flags win over
            it.
        resume: Run folder of an earlier run to go on with, with its settings.
    """
    overrides = typed_settings(settings, unknown)
    return _resume(resume, config, overrides) if resume else _start(config, overrides)


def bench_train(
    *,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    steps: Annotated[int, Parameter(validator=Number(gte=1))] = 10,
    warmup: Annotated[int, Parameter(validator=Number(gte=1))] = 3,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    **unknown: Annotated[str, Parameter(show=False)],
) -> int:
    """Measure images per second, the share of time spent waiting for data, and peak memory.

    Runs a few steps with made-up pictures, or with those of --style and --content, and random loss
    weights; nothing is kept.

    Args:
        config: Settings as YAML, as for `allaprima train`; flags win over it.
        steps: Steps that count.
        warmup: Steps before them.
        json_file: Where to write the figures as JSON.
    """
    settled = load_config(config, typed_settings(settings, unknown))
    check_outputs((json_file,), overwrite=True)
    from .benchmark import measure

    measured = measure(settled, steps=steps, warmup=warmup)
    print(
        f"{measured['images_per_second']:.2f} images/s, "
        f"{100 * measured['data_wait_share']:.1f} % of the time waiting for data, "
        f"{measured['peak_memory_bytes'] / 1e9:.2f} GB at the peak"
    )
    circumstances = ("batch_size", "crop_size", "loss_network", "precision", "device", "threads", "torch")
    print(", ".join(f"{name} {measured[name]}" for name in circumstances))
    if json_file:
        json_file.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    return 0


def _start(config_file: Path | None, overrides: dict[str, Any]) -> int:
    config = load_config(config_file, overrides)
    style, _ = required_inputs(config)
    folder = create_run_folder(config.output, style)
    try:
        return _run(lambda train_style: train_style(config, folder), folder.root)
    finally:
        folder.discard_unused()


def _resume(root: Path, config_file: Path | None, overrides: dict[str, Any]) -> int:
    if config_file is not None:
        raise ConfigError("--resume goes on with the run's own settings: leave out --config")
    folder, stored, checkpoint = open_run_folder(root)
    config = load_config(folder.config, overrides)
    changed = {name for name in overrides if getattr(config, name) != getattr(stored, name)}
    if fixed := sorted(changed - RESUMABLE):
        raise ConfigError(
            f"{', '.join(fixed)} cannot change when '{root}' is resumed; start another run for that"
        )
    return _run(lambda train_style: train_style(config, folder, checkpoint), root)


def _run(start: Callable[[Callable[..., Any]], Any], root: Path) -> int:
    """Train, and tell where the result is."""
    if is_first_process():
        _log.info("preparing the run in %s", root)
    from torch import OutOfMemoryError

    from .loop.limits import DivergenceError
    from .run import train_style

    try:
        result = start(train_style)
    except DivergenceError as error:
        return _fail(
            f"training has diverged: {error}. The last good checkpoint, if there is one, is kept; "
            f"go on from it with a lower learning rate: allaprima train --resume {root} --lr 5e-4"
        )
    except OutOfMemoryError as error:
        return _fail(f"{error}\nthe device's memory is full: lower --batch-size or --crop-size")
    _report(result, root)
    return 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _report(result: Any, root: Path) -> None:
    if not is_first_process():
        return
    if result.interrupted:
        print(f"stopped after {result.steps} steps; go on with: allaprima train --resume {root}")
    terms = ", ".join(f"{name} {value:.3f}" for name, value in result.validation.items())
    print(f"trained {result.steps} steps; on held-out photographs: {terms}")
    print(f"contact sheet: {result.contact_sheet}")
    print(f"style file:    {result.style_file}")
    print(f"paint with it: allaprima stylize {result.style_file} photo.jpg -o painted.jpg")
