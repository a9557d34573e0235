"""Files and folders of pictures: which are stylised, and where the results go."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from allaprima.images.folders import pictures_below
from allaprima.images.picture_files import PICTURE_SUFFIXES, WRITABLE_SUFFIXES

# Photographs, where the others that cannot be written are drawings or have transparency.
_SUFFIX_INSTEAD = {".heic": ".jpg", ".heif": ".jpg"}


@dataclass(frozen=True)
class Job:
    """A picture to read and the file that its stylised version goes to."""

    source: Path
    target: Path


def plan_jobs(
    inputs: Sequence[Path], output: Path, *, suffix: str | None = None, into_folder: bool = False
) -> list[Job]:
    """Return what to read and where to write it, in a stable order.

    Folders are searched recursively for pictures, also behind links, without hidden files and
    without `output` itself; a file named outright is always tried. A lone file goes to `output`,
    which is a file if it has a suffix and a folder otherwise. Several inputs go into the folder
    `output`: files by their names, folders as trees (under their own name if there is more than one
    input). Results keep the suffix of their source where it can be written.

    Args:
        inputs: Files and folders.
        output: A file or a folder.
        suffix: Format of all results, for example `.png`.
        into_folder: Whether `output` is a folder whatever it is called.

    Raises:
        ValueError: If there is nothing to do, `output` does not suit the inputs, two results would
            have one name, or a result would replace an input.
    """
    if suffix is not None and suffix not in WRITABLE_SUFFIXES:
        raise ValueError(f"unknown format '{suffix}'; expected one of {', '.join(WRITABLE_SUFFIXES)}")
    into_folder = into_folder or output.is_dir()
    if len(inputs) == 1 and not inputs[0].is_dir() and output.suffix and not into_folder:
        jobs = [_job_for_file(inputs[0], output, suffix)]
    else:
        jobs = _jobs_for_folder(inputs, output, suffix, into_folder=into_folder)
    _check_targets(jobs)
    return jobs


def shard_of(jobs: Sequence[Job], output: Path, index: int, count: int) -> list[Job]:
    """Return one of `count` parts of the jobs, from 1 on, by a hash of their names below `output`.

    A picture is in the same part whatever else there is, and on every machine.

    Raises:
        ValueError: If there is no such part.
    """
    if not 1 <= index <= count:
        raise ValueError(f"shard is {index}/{count}; expected 1/{count} to {count}/{count}")
    return [job for job in jobs if _hash(job.target.relative_to(output)) % count == index - 1]


def _hash(name: Path) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(name.as_posix())).digest()[:8], "big")


def _job_for_file(source: Path, output: Path, suffix: str | None) -> Job:
    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ValueError(
            f"output '{output}' is of an unknown format; expected one of {', '.join(WRITABLE_SUFFIXES)}, or "
            f"of a folder a slash at its end: '{output}{os.sep}'"
        )
    if suffix is not None and output.suffix.lower() != suffix:
        raise ValueError(f"output '{output}' contradicts format '{suffix}'; give one of the two")
    return Job(source, output)


def _jobs_for_folder(
    inputs: Sequence[Path], output: Path, suffix: str | None, *, into_folder: bool
) -> list[Job]:
    if output.exists() and not output.is_dir():
        raise ValueError(f"output '{output}' is a file that is there already; expected a folder")
    if output.suffix.lower() in WRITABLE_SUFFIXES and not into_folder:
        raise ValueError(f"output '{output}' is the name of a picture; several pictures need a folder")
    jobs: dict[Path, Job] = {}
    for item in inputs:
        tree = item.is_dir()
        folder = output / item.resolve().name if tree and len(inputs) > 1 else output
        for source in _pictures_in(item, output) if tree else [item]:
            target = folder / (source.relative_to(item) if tree else source.name)
            where = source.parent.resolve() / source.name
            jobs.setdefault(where, Job(source, with_writable_suffix(target, suffix)))
    if not jobs:
        folders = ", ".join(f"'{item}'" for item in inputs)
        raise ValueError(f"no pictures in {folders}; looked for {', '.join(sorted(PICTURE_SUFFIXES))}")
    return _with_distinct_targets(list(jobs.values()))


def _pictures_in(folder: Path, output: Path) -> list[Path]:
    results = output.resolve()
    inside = folder.resolve() in results.parents
    return [path for path in pictures_below(folder) if not (inside and results in path.resolve().parents)]


def with_writable_suffix(target: Path, suffix: str | None) -> Path:
    """Return a name with the suffix of all results, or of its own where that can be written."""
    own = target.suffix.lower()
    if (suffix is None and own in WRITABLE_SUFFIXES) or own == suffix:
        return target
    return target.with_suffix(suffix or _SUFFIX_INSTEAD.get(own, ".png"))


def _with_distinct_targets(jobs: list[Job]) -> list[Job]:
    """Where a.jpg and a.png would both become a.png, call the former a.jpg.png."""
    count = Counter(job.target for job in jobs)
    return [
        replace(job, target=job.target.with_name(job.source.name + job.target.suffix))
        if count[job.target] > 1 and job.source.name != job.target.name
        else job
        for job in jobs
    ]


def _check_targets(jobs: list[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        if job.target.resolve() in sources:
            raise ValueError(f"output '{job.target}' would replace an input; choose another output")
        if job.target in taken:
            raise ValueError(
                f"'{taken[job.target]}' and '{job.source}' would both be written to '{job.target}'; "
                "stylise them one by one, or their folders"
            )
        taken[job.target] = job.source
