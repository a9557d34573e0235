"""A planned job carried out, recorded and reported."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from allaprima.images.picture_files import DEFAULT_MAX_PIXELS
from allaprima.infer.stylize import Stylizer

from .painters import OnShare, Painter
from .pipeline.outcome import Outcome
from .planning.plan import Plan
from .reports.manifest import job_settings, manifest_path
from .reports.remote_manifest import open_manifest
from .reports.terminal_report import report
from .standard_streams import Piped, stylize_piped
from .writing import Writing


def carry_out_piped(piped: Piped, style_file: Path, loading: Mapping[str, Any], writing: Writing) -> int:
    """Paint one picture through standard input or output and return the exit code.

    Args:
        piped: The picture.
        style_file: The style.
        loading: Settings of `Stylizer.load`.
        writing: How the result is written.
    """
    stylizer = Stylizer.load(style_file, **loading)
    limit = writing.max_pixels or DEFAULT_MAX_PIXELS
    return stylize_piped(stylizer, piped, quality=writing.quality, max_pixels=limit)


def carry_out(
    plan: Plan, painter: Painter, style_file: Path, writing: Writing, *, max_failures: int | None
) -> int:
    """Carry out a job, wherever its painter does that, and return the exit code.

    Args:
        plan: What is to be done.
        painter: What does it.
        style_file: The style.
        writing: How results are written.
        max_failures: As for `report`.
    """

    def start(on_share: OnShare) -> Iterator[Outcome]:
        return painter.paint(plan, on_share)

    if plan.is_one_picture:
        return report(plan.total, start, max_failures=max_failures)
    settings = job_settings(style_file, **painter.settings, quality=writing.quality)
    path = manifest_path(plan.output, plan.part)
    with open_manifest(path, settings, plan, anew=writing.overwrite) as manifest:

        def recorded(on_share: OnShare) -> Iterator[Outcome]:
            return manifest.recorded(start(on_share))

        return report(plan.total, recorded, max_failures=max_failures, passed_over=plan.passed_over)
