"""A network's rank among optimisers: the evaluations that would have brought a picture as far."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from allaprima.atomic import write_whole
from allaprima.images.tensors import to_bytes, to_floats, to_image
from allaprima.train.image_optimization.lbfgs import minimize
from allaprima.train.image_optimization.settings import MinimizeSettings
from allaprima.train.objective.perceptual_loss import PerceptualLoss

from .scores import PictureScore


@dataclass(frozen=True)
class Comparison:
    """One picture's network result beside its optimisation."""

    name: str
    level: float
    """The total of the network's result."""
    totals: list[float]
    """The total at every evaluation from the photograph, of the optimiser's picture clipped to [0, 1] and
    rounded to 8 bits, as a file holds it."""
    unclipped_totals: list[float]
    """The same before clipping and rounding."""
    problem: str | None = None
    """Why the optimisation ended before its time."""

    @property
    def evaluations(self) -> float | None:
        """The evaluations after which the clipped picture reaches the level; None if there are too few."""
        return equivalent_evaluations(self.totals, self.level)

    @property
    def unclipped_evaluations(self) -> float | None:
        """The same of the picture before clipping and rounding."""
        return equivalent_evaluations(self.unclipped_totals, self.level)


def compare(score: PictureScore, loss: PerceptualLoss, evaluations: int) -> Comparison:
    """Optimise a photograph with L-BFGS, beside what the network made of it."""
    content_image = to_image(score.photograph.read(), loss.loss_network.device)
    targets = loss.content_targets(content_image)
    totals: list[float] = []
    unclipped_totals: list[float] = []

    @torch.no_grad()
    def note(_number: int, terms: dict[str, float], image: Tensor) -> None:
        totals.append(float(loss.terms(to_floats(to_bytes(image)), targets)["total"]))
        unclipped_totals.append(terms["total"])

    settings = MinimizeSettings(steps=evaluations)
    descent = minimize(loss, content_image, content_image, settings, watch=note)
    if descent.is_interrupted:
        raise KeyboardInterrupt
    return Comparison(
        score.photograph.name,
        score.terms["total"],
        totals or [score.untouched],
        unclipped_totals or [score.untouched],
        descent.problem,
    )


def equivalent_evaluations(totals: Sequence[float], level: float) -> float | None:
    """Return the number of evaluations after which the lowest total so far equals `level`.

    Evaluations count from 1, the photograph itself; between two of them the logarithm of the total
    is taken as linear. 0 if the level lies above the photograph's total, None if it is not reached.

    Args:
        totals: The objective at every evaluation.
        level: The objective to reach.
    """
    if level > totals[0]:
        return 0.0
    lowest = totals[0]
    for number, total in enumerate(totals, start=1):
        if total <= level:
            if number == 1:
                return float(number)
            share = math.log(lowest / level) / math.log(lowest / total) if total > 0 else 1.0
            return number - 1 + share
        lowest = min(lowest, total)
    return None


def summary(comparisons: Sequence[Comparison]) -> dict[str, float | int]:
    """Return mean and range over pictures, and how many networks the optimiser did not reach.

    Such a picture counts with all the evaluations that were made, so where `not_reached` is not 0
    mean and highest are lower bounds; `unclipped_mean` is one where `unclipped_not_reached` is not 0.
    """
    counts = [comparison.evaluations for comparison in comparisons]
    unclipped_counts = [comparison.unclipped_evaluations for comparison in comparisons]
    made = [len(comparison.totals) for comparison in comparisons]
    reached = _or_all(counts, made)
    return {
        "mean": sum(reached) / len(reached),
        "lowest": min(reached),
        "highest": max(reached),
        "not_reached": counts.count(None),
        "unclipped_mean": sum(_or_all(unclipped_counts, made)) / len(made),
        "unclipped_not_reached": unclipped_counts.count(None),
    }


def headline(comparisons: Sequence[Comparison]) -> str:
    """Return the summary in words."""
    counts = summary(comparisons)
    beyond, missed = "", ""
    if counts["not_reached"]:
        beyond = "more than "
        missed = f", {counts['not_reached']} of {len(comparisons)} not reached"
    return (
        f"equivalent L-BFGS evaluations: {_least(counts['not_reached'])}{counts['mean']:.1f} "
        f"({counts['lowest']:.1f} to {beyond}{counts['highest']:.1f}{missed}); "
        f"{_least(counts['unclipped_not_reached'])}{counts['unclipped_mean']:.1f} "
        "before its pictures are clipped to [0, 1]"
    )


def _or_all(counts: Sequence[float | None], made: Sequence[int]) -> list[float]:
    """Return counts of evaluations, all that were made where they were too few."""
    return [total if count is None else count for count, total in zip(counts, made, strict=True)]


def _least(not_reached: float) -> str:
    return "at least " if not_reached else ""


def plot(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draw each picture's optimisation, clipped, with the network's level on it, as a PNG.

    Totals are divided by the network's, so that its level is 1 for every picture.
    """
    from matplotlib.figure import Figure  # slow to import, and seldom needed
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for comparison in comparisons:
        relative = [total / comparison.level for total in comparison.totals]
        (line,) = axes.plot(range(1, len(relative) + 1), relative, linewidth=1, label=comparison.name)
        if comparison.evaluations:
            axes.plot(comparison.evaluations, 1, "o", color=line.get_color())
    axes.axhline(1, color="black", linestyle="--", linewidth=1)
    axes.text(0.99, 1, "the network", ha="right", va="bottom", transform=axes.get_yaxis_transform())
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlabel("L-BFGS evaluations from the photograph")
    axes.set_ylabel("objective / objective of the network's result")
    axes.grid(visible=True, which="both", alpha=0.2)
    if len(comparisons) <= 10:
        axes.legend(fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    write_whole(path, drawn.getvalue())
