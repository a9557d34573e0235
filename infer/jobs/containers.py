"""Jobs whose pictures come in files of many: tar and parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from allaprima.images.picture_files import DEFAULT_MAX_PIXELS, DEFAULT_QUALITY

from .files import Job
from .stream import FAILURES, PictureStylizer
from .stylize_files import Outcome


def is_container(path: Path) -> bool:
    """Return whether a file holds many pictures, by its name."""
    return path.suffix.lower() in (".tar", ".parquet") and not path.is_dir()


def plan_containers(inputs: Sequence[Path], output: Path) -> list[Job]:
    """Return one job for every file of many pictures: a file of its name in the folder `output`.

    Raises:
        ValueError: If two results would have one name, or one would replace its source.
    """
    jobs: dict[Path, Job] = {}
    for source in inputs:
        job = Job(source, output / source.name)
        if job.target in jobs:
            raise ValueError(
                f"'{jobs[job.target].source}' and '{source}' would both be written to '{job.target}'"
            )
        if job.target.resolve() == source.resolve():
            raise ValueError(f"output '{job.target}' would replace an input; choose another output")
        jobs[job.target] = job
    return list(jobs.values())


def stylize_containers(
    stylizer: PictureStylizer,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    suffix: str | None = None,
    quality: int = DEFAULT_QUALITY,
    max_pixels: int | None = None,
) -> Iterator[Outcome]:
    """Carry out jobs and yield what became of each picture, and of a file that failed or was skipped.

    Args:
        stylizer: What stylises.
        jobs: From `plan_containers`.
        overwrite: Redo results that are there already, instead of skipping them.
        suffix: Format of all results.
        quality: As for `write_picture`.
        max_pixels: As for `read_picture`.
    """
    for job in jobs:
        if job.target.exists() and not overwrite:
            yield Outcome(job, "skipped")
            continue
        limit = max_pixels or DEFAULT_MAX_PIXELS
        try:
            if job.source.suffix.lower() == ".tar":
                from .tar_shards import stylize_tar

                yield from stylize_tar(stylizer, job, suffix=suffix, quality=quality, max_pixels=limit)
            else:
                from .parquet_shards import stylize_parquet

                yield from stylize_parquet(stylizer, job, suffix=suffix, quality=quality, max_pixels=limit)
        except FAILURES as error:
            message = str(error) if str(job.source) in str(error) else f"'{job.source}': {error}"
            yield Outcome(job, "failed", message, error)
