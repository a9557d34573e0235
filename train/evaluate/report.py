"""An evaluation as JSON, as a table and as a contact sheet."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from allaprima.images.contact_sheet import contact_sheet
from allaprima.images.pixels import Pixels
from allaprima.models.transformer import TransformerNetwork
from allaprima.terminal import printable
from allaprima.train.objective.perceptual_loss import TERMS

from .against_optimizer import Comparison, summary
from .scores import PictureScore, Scores, stylize

SHOWN = 2
"""Pictures at either end of a contact sheet."""


def as_dict(scores: Scores, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return all figures, for a JSON file."""
    by_name = {comparison.name: comparison for comparison in comparisons}
    report: dict[str, Any] = {
        "mean": {"terms": scores.terms, "artefacts": scores.artefacts},
        "pictures": [_picture_dict(score, by_name.get(score.photograph.name)) for score in scores.pictures],
    }
    if comparisons:
        report["equivalent_evaluations"] = summary(comparisons)
    return report


def as_table(scores: Scores, comparisons: Sequence[Comparison]) -> Table:
    """Return the terms of every picture and their mean."""
    by_name = {comparison.name: comparison for comparison in comparisons}
    table = Table(title="weighted terms, and the total of the untouched photograph", box=box.SIMPLE_HEAD)
    table.add_column("picture", overflow="fold")
    for column in (*TERMS, "untouched", *(["evaluations"] if comparisons else [])):
        table.add_column(column, justify="right", no_wrap=True)
    for score in scores.pictures:
        cells = [f"{score.terms[name]:.4g}" for name in TERMS] + [f"{score.untouched:.4g}"]
        if score.photograph.name in by_name:
            cells.append(_count(by_name[score.photograph.name]))
        table.add_row(Text(printable(score.photograph.name)), *cells)
    mean = sum(score.untouched for score in scores.pictures) / len(scores.pictures)
    cells = [f"{scores.terms[name]:.4g}" for name in TERMS] + [f"{mean:.4g}"]
    if comparisons:
        equivalent = summary(comparisons)
        cells.append(f"{'>= ' if equivalent['not_reached'] else ''}{equivalent['mean']:.1f}")
    table.add_section()
    table.add_row("mean", *cells)
    return table


def sheet(style: Pixels, network: TransformerNetwork, scores: Scores) -> Pixels:
    """Return the contact sheet of the pictures with the lowest and the highest totals."""
    shown = scores.pictures
    if len(shown) > 2 * SHOWN:
        shown = shown[:SHOWN] + shown[-SHOWN:]
    photographs = [score.photograph.read() for score in shown]
    results = [stylize(network, photograph) for photograph in photographs]
    caption = f"lowest to highest total, {len(shown)} of {len(scores.pictures)}\n{caption_of(scores)}"
    return contact_sheet(style, photographs, results, caption=caption)


def caption_of(scores: Scores) -> str:
    """Return the mean figures in two lines."""
    terms = ", ".join(f"{name} {value:.3g}" for name, value in scores.terms.items())
    artefacts = ", ".join(f"{name} {value:.2g}" for name, value in scores.artefacts.items())
    return f"mean {terms}\n{artefacts}".replace("_", " ")


def _picture_dict(score: PictureScore, comparison: Comparison | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": score.photograph.name,
        "terms": score.terms,
        "untouched_total": score.untouched,
        "artefacts": score.artefacts,
    }
    if comparison is not None:
        entry["equivalent_evaluations"] = comparison.evaluations
        entry["unclipped_equivalent_evaluations"] = comparison.unclipped_evaluations
        entry["optimizer_totals"] = comparison.totals
        entry["unclipped_optimizer_totals"] = comparison.unclipped_totals
    return entry


def _count(comparison: Comparison) -> str:
    evaluations = comparison.evaluations
    return f"> {len(comparison.totals)}" if evaluations is None else f"{evaluations:.1f}"
