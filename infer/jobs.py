"""Files and folders of pictures: which are stylised, where the results go, and the work itself."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Literal, Protocol

from allaprima.images.folders import files_below
from allaprima.images.picture import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_QUALITY,
    PICTURE_SUFFIXES,
    WRITABLE_SUFFIXES,
    Picture,
    PictureError,
    read_picture,
    write_picture,
)
from allaprima.images.strips import PictureFacts, picture_facts

# Photographs, where the others that cannot be written are drawings or have transparency.
_SUFFIX_INSTEAD = {".heic": ".jpg", ".heif": ".jpg"}


@dataclass(frozen=True)
class Job:
    """A picture to read and the file that its stylised version goes to."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job; the message, for a failed one, names the file and the reason.

    Attributes:
        error: What a failed job met.
    """

    job: Job
    status: Literal["stylized", "skipped", "failed"]
    message: str = ""
    error: Exception | None = None


class LargePictures(Protocol):
    """What paints pictures that do not fit in memory."""

    def fits(self, height: int, width: int, /) -> bool:
        """Return whether a picture of a size does."""
        ...

    def paint_file(
        self, source: Path, target: Path, facts: PictureFacts, /, *, quality: int, max_pixels: int
    ) -> Iterator[float]:
        """Paint a file, and yield now and then which share of the work is done."""
        ...


class PictureStylizer(Protocol):
    """What the work below needs of a `Stylizer`."""

    def __call__(self, picture: Picture, /) -> Picture:
        """Return the stylised picture."""
        ...


def plan_jobs(inputs: Sequence[Path], output: Path, *, suffix: str | None = None) -> list[Job]:
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

    Raises:
        ValueError: If there is nothing to do, `output` does not suit the inputs, two results would
            have one name, or a result would replace an input.
    """
    if suffix is not None and suffix not in WRITABLE_SUFFIXES:
        raise ValueError(f"unknown format '{suffix}'; expected one of {', '.join(WRITABLE_SUFFIXES)}")
    if len(inputs) == 1 and not inputs[0].is_dir() and output.suffix and not output.is_dir():
        jobs = [_job_for_file(inputs[0], output, suffix)]
    else:
        jobs = _jobs_for_folder(inputs, output, suffix)
    _check_targets(jobs)
    return jobs


def stylize_files(
    stylizer: PictureStylizer,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    quality: int = DEFAULT_QUALITY,
    max_pixels: int | None = None,
    large: LargePictures | None = None,
) -> Iterator[Outcome]:
    """Carry out jobs and yield what became of each, as it happens.

    A job that fails, for whatever reason, does not stop the others. The next picture is read while
    one is stylised.

    Args:
        stylizer: Maps a picture to its stylised version.
        jobs: From `plan_jobs`.
        overwrite: Redo results that are there already, instead of skipping them.
        quality: As for `write_picture`.
        max_pixels: Refuse pictures with more; None refuses only what would have to be decoded whole and is
            above `DEFAULT_MAX_PIXELS`.
        large: Paints pictures that do not fit in memory; None refuses them.
    """
    skipped = {job for job in jobs if not overwrite and job.target.exists()}
    yield from (Outcome(job, "skipped") for job in jobs if job in skipped)
    todo = [job for job in jobs if job not in skipped]
    read = partial(_read, max_pixels=max_pixels, large=large)
    for job, picture in _read_ahead(todo, read):
        try:
            given = picture()
            job.target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(given, Picture):
                write_picture(stylizer(given), job.target, quality=quality)
            else:
                assert large is not None
                limit = max_pixels or DEFAULT_MAX_PIXELS
                for _ in large.paint_file(job.source, job.target, given, quality=quality, max_pixels=limit):
                    pass
        except PictureError as error:  # names its file
            yield Outcome(job, "failed", str(error), error)
        except MemoryError as error:
            yield Outcome(job, "failed", f"'{job.source}': {str(error) or 'not enough memory'}", error)
        except (ValueError, OSError, RuntimeError) as error:  # CUDA's errors are RuntimeErrors
            yield Outcome(job, "failed", f"'{job.source}': {_first_line(error)}", error)
        else:
            yield Outcome(job, "stylized")


def _first_line(error: Exception) -> str:
    """Return the message without the advice and stack that CUDA appends to it."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _read(source: Path, *, max_pixels: int | None, large: LargePictures | None) -> Picture | PictureFacts:
    """Return a picture, or of one that does not fit in memory only what its file says of it."""
    if large is not None:
        facts = picture_facts(source)
        within_limit = max_pixels is None or facts.pixels <= max_pixels
        too_large = facts.pixels > DEFAULT_MAX_PIXELS or not large.fits(facts.height, facts.width)
        if within_limit and too_large:
            return facts
    return read_picture(source, max_pixels=max_pixels or DEFAULT_MAX_PIXELS)


def _read_ahead(
    jobs: Sequence[Job], read: Callable[[Path], Picture | PictureFacts]
) -> Iterator[tuple[Job, Callable[[], Picture | PictureFacts]]]:
    if not jobs:
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = pool.submit(read, jobs[0].source)
        for job, following in zip_longest(jobs, jobs[1:]):
            current = upcoming
            if following is not None:
                upcoming = pool.submit(read, following.source)
            yield job, current.result


def _job_for_file(source: Path, output: Path, suffix: str | None) -> Job:
    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise ValueError(
            f"output '{output}' is of an unknown format; expected one of {', '.join(WRITABLE_SUFFIXES)}"
        )
    if suffix is not None and output.suffix.lower() != suffix:
        raise ValueError(f"output '{output}' contradicts format '{suffix}'; give one of the two")
    return Job(source, output)


def _jobs_for_folder(inputs: Sequence[Path], output: Path, suffix: str | None) -> list[Job]:
    if output.exists() and not output.is_dir():
        raise ValueError(f"output '{output}' is a file that is there already; expected a folder")
    if output.suffix.lower() in WRITABLE_SUFFIXES and not output.is_dir():
        raise ValueError(f"output '{output}' is the name of a picture; several pictures need a folder")
    jobs: dict[Path, Job] = {}
    for item in inputs:
        tree = item.is_dir()
        folder = output / item.resolve().name if tree and len(inputs) > 1 else output
        for source in _pictures_in(item, output) if tree else [item]:
            target = folder / (source.relative_to(item) if tree else source.name)
            where = source.parent.resolve() / source.name
            jobs.setdefault(where, Job(source, _with_suffix(target, suffix)))
    if not jobs:
        folders = ", ".join(f"'{item}'" for item in inputs)
        raise ValueError(f"no pictures in {folders}; looked for {', '.join(sorted(PICTURE_SUFFIXES))}")
    return _with_distinct_targets(list(jobs.values()))


def _pictures_in(folder: Path, output: Path) -> list[Path]:
    results = output.resolve()
    inside = folder.resolve() in results.parents
    return [
        path
        for path in files_below(folder)
        if path.suffix.lower() in PICTURE_SUFFIXES and not (inside and results in path.resolve().parents)
    ]


def _with_suffix(target: Path, suffix: str | None) -> Path:
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
