"""Jobs whose pictures come in files of many: tar and parquet."""

from collections.abc import Iterator, Sequence

from allaprima.images.picture_files import DEFAULT_MAX_PIXELS, DEFAULT_QUALITY

from .files import Job, is_collection, real_location
from .storage.local_copies import already_there
from .storage.url import Location
from .stream import FAILURES, PictureStylizer
from .stylize_files import Outcome

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_container(path: Location) -> bool:
    """Return whether a file holds many pictures, by its name."""
    return path.name.lower().endswith((*_TARS, ".parquet")) and not path.is_dir()


def plan_containers(inputs: Sequence[Location], output: Location, *, into_folder: bool = False) -> list[Job]:
    """Return one job for every file of many pictures: a file of its name in the folder `output`.

    A lone one may become the file `output`. Results are not compressed, since pictures are.

    Args:
        inputs: Files for which `is_container`.
        output: A folder, or for a lone input a file.
        into_folder: Whether `output` is a folder whatever it is called.

    Raises:
        ValueError: If two results would have one name, one would replace its source, or a file is to become
            one of another kind.
    """
    jobs: dict[Location, Job] = {}
    into_file = is_collection(output, into_folder=into_folder)
    for source in inputs:
        name = _result_name(source.name)
        if into_file and (len(inputs) > 1 or not name.endswith(output.suffix)):
            raise ValueError(
                f"'{source}' cannot become '{output}': tar and parquet files keep their kind and stay apart; "
                "give a folder"
            )
        job = Job(source, output if into_file else output / name)
        if job.target in jobs:
            raise ValueError(
                f"'{jobs[job.target].source}' and '{source}' would both be written to '{job.target}'"
            )
        if real_location(job.target) == real_location(source):
            raise ValueError(f"output '{job.target}' would replace an input; choose another output")
        jobs[job.target] = job
    return list(jobs.values())


def _result_name(name: str) -> str:
    for ending in _TARS:
        if name.lower().endswith(ending):
            return f"{name[: -len(ending)]}.tar"
    return name


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

                yield from stylize_tar(stylizer, job, suffix=suffix, quality=quality, max_pixels=limit)
            else:
                from .parquet_shards import stylize_parquet

                yield from stylize_parquet(stylizer, job, suffix=suffix, quality=quality, max_pixels=limit)
        except FAILURES as error:
            message = str(error) if str(job.source) in str(error) else f"'{job.source}': {error}"
            yield Outcome(job, "failed", message, error)
