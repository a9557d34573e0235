"""How steady clips are: as a table, as JSON, and over time."""

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

from .steadiness import Steadiness

_KINDS = {
    "flow": "along the clip's optical flow",
    "truth": "along the true motion",
    "still": "a still picture with noise of 3 levels",
}


def as_table(clips: Sequence[Steadiness]) -> Table:
    """Return the mean errors of all clips, and the clips' own beside them."""
    table = Table(title="warping error, levels of 255", box=box.SIMPLE_HEAD)
    table.add_column("clip", overflow="fold")
    table.add_column("measured")
    for heading in ("frames", "stylised", "the clip itself", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for clip in clips:
        table.add_row(
            Text(printable(clip.name)), _KINDS[clip.kind], str(len(clip.stylized) + 1), *_cells(clip)
        )
    return table


def as_dict(clips: Sequence[Steadiness]) -> list[dict[str, Any]]:
    """Return all figures, for a JSON file."""
    return [
        {
            "name": clip.name,
            "measured": clip.kind,
            "warping_error": clip.mean,
            "untouched_warping_error": clip.untouched_mean,
            "over_time": clip.stylized,
            "untouched_over_time": clip.untouched,
        }
        for clip in clips
    ]


def plot(clips: Sequence[Steadiness], path: Path) -> None:
    """Draw the errors of each clip over its frames, as a PNG; gaps are where scenes end.

    Scenes of two frames are left out, unless there is nothing else.
    """
    from matplotlib.figure import Figure  # slow to import, and seldom needed

    shown = [clip for clip in clips if len(clip.stylized) > 1] or clips
    figure = Figure(figsize=(8, 1.2 + 1.6 * len(shown)), layout="constrained")
    for axes, clip in zip(np.ravel(figure.subplots(len(shown), squeeze=False)), shown, strict=True):
        for label, errors in (("stylised", clip.stylized), ("the clip itself", clip.untouched)):
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
    write_whole(path, drawn.getbuffer())


def _cells(clip: Steadiness) -> list[str]:
    mean, untouched = clip.mean, clip.untouched_mean
    cells = ["-" if value is None else f"{value:.2f}" for value in (mean, untouched)]
    return [*cells, f"{mean / untouched:.2f}" if mean is not None and untouched else "-"]
