"""The commands `allaprima distill` and `allaprima bench compact`."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.atomic import write_whole
from allaprima.out_of_memory import memory_advice
from allaprima.output_path_checks import check_outputs
from allaprima.terminal import complain, quoted, say
from allaprima.train.settings.flags_from_settings import flags_of, typed_settings
from allaprima.train.settings.parsing import ConfigError, load_settings

from .config import RESULT, DistillConfig

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
        config: Settings as YAML; flags win over it. The packaged `distill` made the package's network.
    """
    settled = load_settings(DistillConfig, config, typed_settings(settings, unknown))
    if settled.content is None:
        raise ConfigError("content is missing: give a folder of photographs with --content FOLDER")
    there = next(path for path in (settled.output, *settled.output.absolute().parents) if path.exists())
    if not there.is_dir():
        raise FileExistsError(
            f"output '{settled.output}' cannot be made: '{there}' is a file; name a new folder with --output"
        )
    if settled.output.exists() and any(settled.output.iterdir()):
        result = settled.output / RESULT
        hint = f"; --init {quoted(result)} goes on from its result" if result.exists() else ""
        raise FileExistsError(f"'{settled.output}' is not empty: name a new folder with --output{hint}")
    from allaprima.train.loop.failure_messages import FAILURES, lost_pictures
    from allaprima.train.loop.interruption import Interruption
    from allaprima.train.loop.limits import DivergenceError

    from .run import distill as run

    _log.info("distilling into %s", settled.output)
    try:
        with memory_advice("lower --batch-size or --crop-size"):
            result = run(settled, settled.content, interruption := Interruption())
    except DivergenceError as error:
        complain(f"distillation has diverged: {error}; try a lower --lr")
        return 1
    except FAILURES as error:
        if (advice := lost_pictures(error)) is None:
            raise
        complain(advice)
        return 1
    say(f"compact network: {result}")
    say(f"model card:      {settled.output / 'README.md'}")
    say(f"train with it:   allaprima train --loss-network compact --loss-weights {quoted(result)} ...")
    return interruption.exit_code


def bench_compact(
    *,
    content: str,
    styles: str,
    loss_weights: Path | None = None,
    network: Path | None = None,
    steps: Annotated[int, Parameter(validator=Number(gte=1))] = 60,
    crop_size: Annotated[int, Parameter(validator=Number(gte=32))] = 128,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    plot: Path | None = None,
) -> int:
    """Measure whether the compact network judges stylised pictures as VGG-19 does.

    Two small networks are trained for each style, one against either; both loss networks then judge
    their pictures from several stages, and their terms are compared by Spearman's rank correlation.

    Args:
        content: Photographs, as for `allaprima train`; up to six are held out to be judged on.
        styles: Folder of style pictures.
        loss_weights: VGG-19's weights (.safetensors or .pth); torchvision's by default.
        network: A compact network from `allaprima distill`; the package's by default.
        steps: Steps of each training.
        crop_size: Side of the photographs' crops in pixels.
        json_file: Where to write the figures as JSON.
        plot: Where to draw both networks' terms, as PNG.
    """
    check_outputs((json_file, plot), overwrite=True)
    from .bench import judged_styles
    from .faithfulness import summary
    from .plot import plot_judgements

    with memory_advice("lower --crop-size"):
        judgements = judged_styles(content, styles, loss_weights, network, steps=steps, crop_size=crop_size)
    figures = summary(judgements)
    say(f"{figures['pictures']} pictures; rank correlation of compact with VGG-19")
    for term, value in figures["rank_correlation"].items():
        by_style = ", ".join(
            f"{name} {v:.2f}" for name, v in figures["rank_correlation_by_style"][term].items()
        )
        say(f"{term:<8} {value:.3f}   ({by_style})")
    say("Gram error: " + ", ".join(f"{layer} {value:.4f}" for layer, value in figures["gram_error"].items()))
    if json_file:
        write_whole(json_file, (json.dumps(figures, indent=2) + "\n").encode())
    if plot:
        plot_judgements(judgements, plot)
        say(f"plot: {plot}")
    return 0
