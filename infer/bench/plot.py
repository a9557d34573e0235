"""A benchmark as a picture."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from allaprima.atomic import write_whole

from .benchmark import label


def plot_latencies(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write bars of the median latency, one group for each size.

    Args:
        rows: Of `measure`, those without `error`.
        path: A .png, .svg or .pdf file.

    Raises:
        OSError: If it cannot be written.
        ValueError: If its format is unknown.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sizes = list(dict.fromkeys((row["height"], row["width"]) for row in rows))
    figure = Figure(figsize=(8, 1 + 0.35 * (len(rows) + len(sizes))), layout="constrained")
    FigureCanvasAgg(figure)
    heights = [sum((row["height"], row["width"]) == size for row in rows) for size in sizes]
    panels = figure.subplots(len(sizes), 1, squeeze=False, height_ratios=heights)[:, 0]
    for (height, width), panel in zip(sizes, panels, strict=True):
        chosen = [row for row in rows if (row["height"], row["width"]) == (height, width)]
        names = [f"{label(row)} {row['precision']}" for row in chosen]
        medians = [row["median_ms"] for row in chosen]
        late = [max(0, row["p95_ms"] - row["median_ms"]) for row in chosen]
        bars = panel.barh(range(len(chosen)), medians, xerr=[[0] * len(late), late])
        panel.bar_label(bars, [f"{median:.0f}" for median in medians], label_type="center")
        panel.set_yticks(range(len(chosen)), names)
        panel.invert_yaxis()
        panel.set_title(f"{width}x{height}: milliseconds a batch (median, p95)", fontsize="medium")
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix.removeprefix("."))
    write_whole(path, drawn.getvalue())
