"""How steady clips are: as a table, as JSON, over time, and as figures of a style file."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from allaprima.atomic import write_whole
from allaprima.terminal import printable

from .steadiness import ITSELF, Steadiness

_KINDS = {
    "flow": "along the clip's optical flow",
    "truth": "along the true motion",
    "still": "first frame, still, with noise",
}


def as_table(clips: Sequence[Steadiness]) -> Table:
    """Return the mean errors of all clips, and the clips' own beside them."""
    table = Table(title="warping error, levels of 255", box=box.SIMPLE_HEAD)
    table.add_column("clip", overflow="fold")
    table.add_column("measured")
    for heading in ("frames", *map(printable, clips[0].errors)):
        table.add_column(Text(heading), justify="right")
    for clip in clips:
        cells = ["-" if mean is None else f"{mean:.2f}" for mean in clip.means.values()]
        frames = len(clip.errors[ITSELF]) + 1
        table.add_row(Text(printable(clip.name)), _KINDS[clip.kind], str(frames), *cells)
    return table


def as_dict(clips: Sequence[Steadiness]) -> list[dict[str, Any]]:
    """Return all figures, for a JSON file."""
    return [
        {
            "name": clip.name,
            "measured": clip.kind,
            "warping_error": clip.means,
            "over_time": dict(clip.errors),
        }
        for clip in clips
    ]


def as_figures(clips: Sequence[Steadiness], style: str) -> dict[str, float]:
    """Return the mean errors of a style and of the clips themselves, to the digits that style files hold."""
    figures: dict[str, float] = {}
    for clip in clips:
        measured = "flicker" if clip.kind == "still" else "warping_error"
        names = {style: f"{clip.name}.{measured}", ITSELF: f"{clip.name}.untouched_{measured}"}
        means = {names[label]: mean for label, mean in clip.means.items() if label in names}
        figures |= {name: float(f"{mean:.6g}") for name, mean in means.items() if mean is not None}
    return figures


def plot(clips: Sequence[Steadiness], path: Path) -> None:
    """Draw the errors of each clip over its frames, as a PNG; gaps are where scenes end.

    Scenes of two frames are left out, unless there is nothing else.
    """
    from matplotlib.figure import Figure  # slow to import, and seldom needed

    shown = [clip for clip in clips if len(clip.errors[ITSELF]) > 1] or clips
    figure = Figure(figsize=(8, 1.2 + 1.6 * len(shown)), layout="constrained")
    for axes, clip in zip(np.ravel(figure.subplots(len(shown), squeeze=False)), shown, strict=True):
        for label, errors in clip.errors.items():
            values = [np.nan if error is None else error for error in errors]
            axes.plot(range(2, len(values) + 2), values, marker=".", linewidth=1, label=label)
        axes.set_title(f"{clip.name}, {_KINDS[clip.kind]}", fontsize="small", loc="left")
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.2)
        axes.legend(fontsize="small")
    figure.supylabel("warping error, levels", fontsize="small")
    figure.supxlabel("frame", fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    write_whole(path, drawn.getvalue())
