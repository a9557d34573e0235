"""A planned job carried out, recorded and reported: on this machine, or on a cluster."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from allaprima.images.picture_files import DEFAULT_MAX_PIXELS
from allaprima.infer.stylize import Stylizer

from .cluster.resources import Resources
from .manifest import job_settings, manifest_path
from .painters import LocalPainter, OnShare
from .plan import Plan
from .remote_manifest import open_manifest
from .report_cli import report
from .standard_streams import Piped, stylize_piped
from .stylize_files import Outcome
from .writing import Writing

Start = Callable[[OnShare], Iterator[Outcome]]


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


def carry_out_here(
    plan: Plan, style_file: Path, loading: Mapping[str, Any], writing: Writing, *, max_failures: int | None
) -> int:
    """Carry out a job in this process and return the exit code.

    Args:
        plan: What is to be done.
        style_file: The style.
        loading: Settings of `Stylizer.load`.
        writing: How results are written.
        max_failures: As for `report`.
    """
    painter = LocalPainter(Stylizer.load(style_file, **loading), writing)

    def start(on_share: OnShare) -> Iterator[Outcome]:
        if plan.into_file:
            return painter.collect(plan.jobs, plan.output, plan.part, on_share)
        return painter.paint(plan.jobs, plan.containers, on_share)

    settings = job_settings(style_file, **painter.settings, quality=writing.quality)
    return _recorded(plan, start, settings, writing, max_failures)


def carry_out_on_ray(
    plan: Plan,
    style_file: Path,
    loading: Mapping[str, Any],
    writing: Writing,
    where: tuple[str | None, Resources],
    *,
    max_failures: int | None,
) -> int:
    """Carry out a job on a Ray cluster and return the exit code.

    Args:
        plan: What is to be done.
        style_file: The style.
        loading: Settings of `Stylizer.load`.
        writing: How results are written.
        where: The address, as for `ray_painter`, and what workers take.
        max_failures: As for `report`.

    Raises:
        ValueError: If all results are to go into one file.
    """
    from .cluster.ray_painter import ray_painter

    if plan.into_file:
        raise ValueError(f"'{plan.output}' is one file, which many machines cannot write; give a folder")
    address, resources = where
    with ray_painter(address, style_file, loading, writing, resources) as painter:

        def start(on_share: OnShare) -> Iterator[Outcome]:
            return painter.paint(plan.jobs, plan.containers, on_share)

        settings = job_settings(style_file, **painter.settings, quality=writing.quality)
        return _recorded(plan, start, settings, writing, max_failures)


def _recorded(
    plan: Plan, start: Start, settings: dict[str, Any], writing: Writing, max_failures: int | None
) -> int:
    if plan.is_one_picture:
        return report(plan.total, start, max_failures=max_failures)
    path = manifest_path(plan.output, plan.part)
    with open_manifest(path, settings, anew=writing.overwrite) as manifest:

        def recorded(on_share: OnShare) -> Iterator[Outcome]:
            return manifest.recorded(start(on_share))

        return report(plan.total, recorded, max_failures=max_failures, passed_over=plan.passed_over)
