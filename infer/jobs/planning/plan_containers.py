"""Files of many pictures: which are stylised, and where the results go."""

from collections.abc import Sequence

from allaprima.infer.jobs.storage.url import Location, real_location

from .job import Job
from .targets import is_collection

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


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
