"""Which names and formats results have, and what they must not replace."""

from collections import Counter
from dataclasses import replace

from allaprima.images.picture_files import WRITABLE_SUFFIXES, is_same_format
from allaprima.images.tiff_kinds import RAW_SUFFIXES
from allaprima.infer.jobs.storage.url import Location, real_location

from .job import Job

# Photographs, where the others that cannot be written are drawings or have transparency.
_SUFFIX_INSTEAD = dict.fromkeys((".heic", ".heif", ".jfif", ".jpe", ".mpo", *RAW_SUFFIXES), ".jpg")


def is_collection(output: Location, *, into_folder: bool) -> bool:
    """Return whether an output is one file of many pictures, by its name; not if it is meant as a folder."""
    return output.suffix.lower() in (".tar", ".parquet") and not into_folder and not output.is_dir()


def writable_suffix(own: str, suffix: str | None) -> str:
    """Return the suffix of all results, or a picture's own where that can be written."""
    lower = own.lower()
    if (suffix is None and lower in WRITABLE_SUFFIXES) or lower == suffix:
        return own
    return suffix or _SUFFIX_INSTEAD.get(lower, ".png")


def check_format(output: Location, suffix: str | None) -> None:
    """Raise ValueError if the name of a result is of another format than the one that is asked for."""
    if suffix is not None and not is_same_format(output.suffix.lower(), suffix):
        raise ValueError(f"output '{output}' contradicts format '{suffix}'; give one of the two")


def check_folder(output: Location, *, into_folder: bool) -> None:
    """Raise ValueError if an output is no place for several results."""
    if output.exists() and not output.is_dir():
        raise ValueError(f"output '{output}' is a file that is there already; expected a folder")
    if output.suffix.lower() in WRITABLE_SUFFIXES and not into_folder:
        raise ValueError(f"output '{output}' is the name of a picture; several pictures need a folder")


def long_name(name: str, suffix: str) -> str:
    """Return what the result of a.jpg is called where a.png is another's: a.jpg.png."""
    return name + suffix


def with_distinct_targets(jobs: list[Job]) -> list[Job]:
    """Where a.jpg and a.png would both become a.png, call the former as `long_name` says."""
    count = Counter(job.target for job in jobs)
    return [
        replace(job, target=job.target.with_name(long_name(job.source.name, job.target.suffix)))
        if count[job.target] > 1 and job.source.name != job.target.name
        else job
        for job in jobs
    ]


def check_targets(jobs: list[Job]) -> None:
    """Raise ValueError if a result would replace an input or another result."""
    sources = {real_location(job.source) for job in jobs}
    taken: dict[Location, Location] = {}
    for job in jobs:
        if real_location(job.target) in sources:
            raise ValueError(f"output '{job.target}' would replace an input; choose another output")
        if job.target in taken:
            raise ValueError(
                f"'{taken[job.target]}' and '{job.source}' would both be written to '{job.target}'; "
                "stylise them one by one, or their folders"
            )
        taken[job.target] = job.source
