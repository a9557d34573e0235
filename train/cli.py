"""The commands `allaprima train` and `allaprima bench train`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.atomic import write_whole
from allaprima.out_of_memory import memory_advice
from allaprima.output_path_checks import check_outputs
from allaprima.terminal import quoted, say

from .settings.config import TrainConfig
from .settings.flags_from_settings import flags_of, typed_settings
from .settings.parsing import load_config
from .style_run import resume_style, train_style
from .training_command import carry_out_training

if TYPE_CHECKING:
    from .style_training_steps import TrainedStyle

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
        config: Settings as YAML, a file or a packaged one's name: default, quick, demo, paper, video; flags
            win over it.
        resume: Run folder of an earlier run to go on with, with its settings.
    """
    overrides = typed_settings(settings, unknown)
    return carry_out_training(
        "train",
        config,
        resume,
        begin=lambda file: train_style(load_config(file, overrides)),
        go_on=lambda folder: resume_style(folder, overrides),
        report=_report,
    )


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

    with memory_advice("lower --batch-size, --crop-size or --style-size"):
        measured = measure(settled, steps=steps, warmup=warmup)
    say(
        f"{measured['images_per_second']:.2f} images/s, "
        f"{100 * measured['data_wait_share']:.1f} % of the time waiting for data, "
        f"{measured['peak_memory_bytes'] / 1e9:.2f} GB at the peak"
    )
    circumstances = ("batch_size", "crop_size", "loss_network", "precision", "device", "threads", "torch")
    say(", ".join(f"{name} {measured[name]}" for name in circumstances))
    if json_file:
        write_whole(json_file, (json.dumps(measured, indent=2) + "\n").encode())
    return 0


def _report(trained: "TrainedStyle") -> None:
    say(f"contact sheet: {trained.contact_sheet}")
    say(f"style file:    {trained.style_file}")
    say(f"paint with it: allaprima stylize {quoted(trained.style_file)} photo.jpg -o painted.jpg")
