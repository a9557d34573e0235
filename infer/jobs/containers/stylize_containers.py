"""Jobs whose pictures come in files of many: tar and parquet."""

from collections.abc import Iterator, Sequence

from allaprima.images.picture_files import DEFAULT_MAX_PIXELS, DEFAULT_QUALITY
from allaprima.infer.jobs.pipeline.outcome import NothingPaintedError, Outcome, until_written
from allaprima.infer.jobs.pipeline.stylize_stream import FAILURES, PictureStylizer
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.local_copies import already_there


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
    there = set() if overwrite else already_there([job.target for job in jobs])
    for job in jobs:
        if job.target in there:
            yield Outcome(job, "skipped")
            continue
        limit = max_pixels or DEFAULT_MAX_PIXELS
        try:
            if job.target.suffix.lower() == ".tar":
                from .tar_shards import stylize_tar

                stylize_shard = stylize_tar
            else:
                from .parquet_shards import stylize_parquet

                stylize_shard = stylize_parquet
            done = stylize_shard(stylizer, job, suffix=suffix, quality=quality, max_pixels=limit)
            yield from until_written(done)
        except NothingPaintedError:
            continue
        except FAILURES as error:
            message = str(error) if str(job.source) in str(error) else f"'{job.source}': {error}"
            yield Outcome(job, "failed", message, error)
