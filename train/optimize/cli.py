"""The command `allaprima optimize`."""

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.train.flags import flags_of, given
from allaprima.train.parsing import parse_settings

from .settings import OptimizeConfig

if TYPE_CHECKING:
    from .paint import Painting, Stage

LINE_SECONDS = 30.0
"""Seconds between lines where there is no terminal to draw a bar on."""

_log = logging.getLogger(__name__)


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
        0, or 1 if it ended early because the objective was not finite.
    """
    config = parse_settings(OptimizeConfig, given(settings, unknown))
    _check_output(output, overwrite=overwrite)
    painting = _paint(content, style, output, config, save_every)
    if curve is not None:
        points = [terms for descent in painting.descents for terms in descent.curve]
        curve.write_text(json.dumps(points), encoding="utf-8")
    _report(painting, output)
    return 1 if painting.problem else 0


def _paint(
    content: Path, style: Path, output: Path, config: OptimizeConfig, save_every: int | None
) -> "Painting":
    from allaprima.models.images import Picture, read_picture, write_picture
    from allaprima.train import hardware
    from allaprima.train.objective import load_loss_network
    from allaprima.train.pixels import resized, to_pixels
    from allaprima.train.style_image import read_style

    from .paint import paint

    photograph = read_picture(content)
    style_pixels = read_style(style, config.style_size)
    network = load_loss_network(config, hardware.device(config.accelerator))
    with _Progress(config.steps) as progress:

        def watch(stage: "Stage") -> None:
            progress.show(stage)
            if save_every and stage.evaluation % save_every == 0:
                write_picture(Picture(to_pixels(stage.image[0])), numbered(output, stage.evaluation))

        painting = paint(photograph.rgb, style_pixels, network, config, watch=watch)
    alpha = photograph.alpha
    if alpha is not None:
        alpha = resized(alpha, *painting.pixels.shape[:2])
    write_picture(Picture(painting.pixels, alpha), output)
    return painting


def numbered(output: Path, evaluation: int) -> Path:
    """Return where the picture of an evaluation goes: `out-0020.png` beside `out.png`."""
    return output.with_name(f"{output.stem}-{evaluation:04}{output.suffix}")


def _check_output(output: Path, *, overwrite: bool) -> None:
    """Raise now rather than after the work."""
    from allaprima.models.images import WRITABLE_SUFFIXES

    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ValueError(f"cannot write '{output}': suffix must be one of {', '.join(WRITABLE_SUFFIXES)}")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"cannot write '{output}': there is no folder '{output.parent}'")
    if output.exists() and not overwrite:
        raise FileExistsError(f"'{output}' is there already: --overwrite replaces it")


def _report(painting: "Painting", output: Path) -> None:
    if painting.problem:
        print(f"error: {painting.problem}; the best picture before it is kept")
    elif painting.descents[-1].is_interrupted:
        print("stopped early; the best picture is kept")
    first = painting.descents[0].curve[0]
    print(f"at the start: {_line(first)}")
    print(f"as written:   {_line(painting.terms)}")
    evaluations = sum(len(descent.curve) for descent in painting.descents)
    print(f"{output}: {painting.pixels.shape[1]}x{painting.pixels.shape[0]}, {evaluations} evaluations")


def _line(terms: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in terms.items())


class _Progress:
    """A bar with the terms; plain lines where there is no terminal."""

    def __init__(self, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("evaluation"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[terms]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=steps, terms="")
        self._steps = steps
        self._shown = time.monotonic()

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def show(self, stage: "Stage") -> None:
        """Show where the optimisation stands."""
        self._bar.update(self._task, completed=stage.evaluation, terms=_line(stage.terms))
        now = time.monotonic()
        if self._bar.disable and now - self._shown > LINE_SECONDS:
            self._shown = now
            _log.info("evaluation %d of %d: %s", stage.evaluation, self._steps, _line(stage.terms))
