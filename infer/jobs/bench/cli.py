"""The command `allaprima bench batch`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.infer.engine_table import ENGINE_HELP, EngineChoice, is_style_file
from allaprima.peak_memory import peak_memory
from allaprima.terminal import say


def bench_batch(
    style_file: Path,
    folder: Path,
    /,
    *,
    plain: Annotated[int, Parameter(validator=Number(gte=1))] = 50,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    engine: Annotated[EngineChoice, Parameter(help=ENGINE_HELP)] = "auto",
    device: str = "auto",
    batch: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
) -> int:
    """Measure how fast a folder of pictures is painted, beside the engine alone and a plain loop.

    The plain loop reads, runs the network as PyTorch carries it out by itself, and saves, one by one; the
    engine alone has its pictures in memory already; the job does everything that `allaprima stylize` does.

    Args:
        style_file: A style file, or the name of a bundled style.
        folder: Pictures, at any depth.
        plain: How many of them the plain loop and the engine alone do.
        limit: How many the job does; all by default.
        engine: What carries it out.
        device: As for `allaprima stylize`.
        batch: As for `allaprima stylize`.

    Returns:
        0.
    """
    from allaprima.infer.stylize import Stylizer
    from allaprima.models.bundled_styles import find_style

    if not is_style_file(find_style(style_file)):
        raise ValueError(
            f"'{style_file}' is an exported file; give the style file, which the plain loop paints too"
        )

    from allaprima.infer.jobs.planning.plan_jobs import plan_jobs

    from .benchmark import measure_batch

    planned = plan_jobs([folder], Path("painted"))[:limit]
    sources = [job.source for job in planned if isinstance(job.source, Path)]
    stylizer = Stylizer.load(style_file, engine=engine, device=device, batch=batch)
    rates = []
    say(f"{'':<14}{'pictures':>9}{'per s':>8}{'MP/s':>8}{'first, s':>9}{'processor, s':>13}")
    for rate in measure_batch(stylizer, style_file, sources, plain):
        rates.append(rate)
        megapixels = rate.per_second / 1e6
        say(
            f"{rate.way:<14}{rate.pictures:>9}{rate.pictures / rate.seconds:>8.2f}{megapixels:>8.3f}"
            f"{rate.first:>9.2f}{rate.processor_seconds:>13.1f}"
        )
    by_loop, by_engine, by_job = (rate.per_second for rate in rates)
    say(
        f"the job runs at {by_job / by_engine:.0%} of the engine's rate, {by_job / by_loop:.2f} times the "
        f"plain loop; engine {stylizer.settings['engine']}, peak {peak_memory() / 1e6:.0f} MB"
    )
    return 0
