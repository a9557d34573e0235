"""The command `allaprima optimize`."""

import json
import logging
import math
import signal
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.atomic import write_whole
from allaprima.ending_signals import asked_to_end, exit_code
from allaprima.out_of_memory import memory_advice
from allaprima.output_path_checks import check_outputs, check_suffix
from allaprima.terminal import complain, say
from allaprima.train.loop.progress_bar import TermsBar
from allaprima.train.settings.flags_from_settings import flags_of, typed_settings
from allaprima.train.settings.parsing import parse_settings

from .settings import OptimizeConfig

_log = logging.getLogger(__name__)


if TYPE_CHECKING:
    from allaprima.images.pixels import Pixels

    from .paint import Painting, Stage


if TYPE_CHECKING:
    Flags = dict[str, Any]
else:
    Flags = flags_of(OptimizeConfig)


def optimize(
    content: Path,
    /,
    *,
    style: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    save_every: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    curve: Path | None = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    **unknown: Annotated[str, Parameter(show=False)],
) -> int:
    """Paint one picture by optimising its pixels against the losses that networks are trained with.

    Slow, and closer to the objective than any network: what a trained style can be measured by.

    Args:
        content: The photograph.
        style: The style picture.
        output: The picture to write.
        overwrite: Replace the output if it is there.
        save_every: Also write the picture as it stands every so many evaluations, numbered.
        curve: Also write the terms of every evaluation, as JSON.

    Returns:
        0, 1 if it ended early because the objective was not finite, 143 or 129 if SIGTERM or SIGHUP ended it.
    """
    from allaprima.images.picture_files import WRITABLE_SUFFIXES

    config = parse_settings(OptimizeConfig, typed_settings(settings, unknown))
    stages = range(save_every, config.steps + 1, save_every) if save_every else ()
    check_suffix(output, WRITABLE_SUFFIXES)
    outputs = (output, *(numbered(output, number) for number in stages), curve)
    check_outputs(outputs, overwrite=overwrite, inputs=(content, style, config.start_file))
    ending = _Ending()
    try:
        with (
            asked_to_end(ending.request, lambda: f"'{output}' is not written"),
            memory_advice("a smaller --style-size or --height needs less"),
        ):
            painting = _paint(content, style, output, config, stages, ending)
            _report(painting, output, config.steps)
            _write_curve(painting, curve)
    except KeyboardInterrupt:  # before there was a picture to keep
        return 128 + (ending.signal or signal.SIGINT)
    return 1 if painting.problem else exit_code(ending.signal)


class _Ending:
    """A signal ends what comes before the first evaluation at once, and then after the current one."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.is_evaluating = False

    def request(self, number: int) -> None:
        self.signal = number
        if not self.is_evaluating:
            raise KeyboardInterrupt
        _log.warning("finishing the current evaluation; once more to abort")

    def after_evaluation(self) -> None:
        """End the optimisation if that was asked for."""
        self.is_evaluating = True
        if self.signal is not None:
            raise KeyboardInterrupt


def _write_curve(painting: "Painting", curve: Path | None) -> None:
    if curve is not None:
        points = [terms for descent in painting.descents for terms in descent.curve if _is_finite(terms)]
        write_whole(curve, json.dumps(points, allow_nan=False).encode())


def _paint(
    content: Path, style: Path, output: Path, config: OptimizeConfig, stages: Container[int], ending: _Ending
) -> "Painting":
    from allaprima.images.picture_files import Picture, read_picture, write_picture
    from allaprima.images.pixels import resized
    from allaprima.images.tensors import to_pixels
    from allaprima.train.loop import hardware
    from allaprima.train.objective.prepare_objective import load_loss_network
    from allaprima.train.style_picture import read_style_picture

    from .paint import paint

    device = hardware.device(config.accelerator)
    photograph = read_picture(content)
    style_picture = read_style_picture(style, config.style_size)
    network = load_loss_network(config, device)

    def write(pixels: "Pixels", path: Path) -> None:
        alpha = photograph.alpha
        if alpha is not None:
            alpha = resized(alpha, *pixels.shape[:2])
        write_picture(Picture(pixels, alpha, background=config.background), path)

    with TermsBar("evaluation") as progress:

        def watch(stage: "Stage") -> None:
            done, total = stage.evaluation, config.steps
            progress.show(f"{done}/{total}", done / total, _line(stage.terms))
            if done in stages:
                write(to_pixels(stage.image[0]), numbered(output, done))
            ending.after_evaluation()

        painting = paint(
            photograph.on(config.background).rgb, style_picture.pixels, network, config, watch=watch
        )
    write(painting.pixels, output)
    return painting


def numbered(output: Path, evaluation: int) -> Path:
    """Return where the picture of an evaluation goes: `out-0020.png` beside `out.png`."""
    return output.with_name(f"{output.stem}-{evaluation:04}{output.suffix}")


def _report(painting: "Painting", output: Path, steps: int) -> None:
    evaluations = sum(len(descent.curve) for descent in painting.descents)
    if painting.problem:
        complain(f"{painting.problem}; the best picture before it is kept")
    elif painting.descents[-1].is_interrupted:
        say("stopped early; the best picture is kept")
    elif evaluations < steps:
        say("ended early: L-BFGS finds nothing lower")
    say(f"at the start: {_line(painting.before)}")
    say(f"as written:   {_line(painting.terms)}")
    say(f"{output}: {painting.pixels.shape[1]}x{painting.pixels.shape[0]}, {evaluations} evaluations")


def _line(terms: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in terms.items())


def _is_finite(terms: dict[str, float]) -> bool:
    return all(map(math.isfinite, terms.values()))
