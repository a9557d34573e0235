"""A plot of what the compact network and VGG-19 say of the same pictures."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from allaprima.atomic import write_whole

from .faithfulness import Judgement

SHOWN = {"content": "linear", "style": "log"}


def plot_judgements(judgements: Sequence[Judgement], path: Path) -> None:
    """Draw both networks' terms against each other, a colour a style, into a PNG file."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    plots = figure.subplots(1, 2)
    for axes, (term, scale) in zip(plots, SHOWN.items(), strict=True):
        for name in dict.fromkeys(judgement.style for judgement in judgements):
            pairs = [(j.vgg19[term], j.compact[term]) for j in judgements if j.style == name]
            axes.scatter(*zip(*pairs, strict=True), s=18, label=name, alpha=0.8)
        axes.set(xscale=scale, yscale=scale, xlabel="VGG-19", ylabel="compact", title=f"{term} term")
        if scale == "log":
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(ScalarFormatter())
                axis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
    plots[-1].legend(fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110, format="png")
    write_whole(path, drawn.getvalue())
