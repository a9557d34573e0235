"""What became of a job."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from allaprima.images.picture_files import PictureError
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.url import Location

from .run_pipeline import Done


@dataclass(frozen=True)
class Outcome:
    """What became of a job; the message, for a failed one, names the file and the reason.

    Attributes:
        job: The job.
        status: What; `painted` is what goes into a file of many that is not written yet.
        message: Why it failed.
        error: What a failed job met.
        seconds: From when its picture was read until the result was written.
        size: Height and width of the picture, where it could be read.
        animated: Whether only the first frame of an animation was painted.
    """

    job: Job
    status: Literal["stylized", "painted", "skipped", "failed"]
    message: str = ""
    error: Exception | None = None
    seconds: float = 0
    size: tuple[int, int] | None = None
    animated: bool = False


def outcome_of(job: Job, done: Done[Any, Any]) -> Outcome:
    """Return what became of a job, from what became of its item."""
    error = done.result
    if not isinstance(error, Exception):
        return Outcome(job, "stylized", seconds=done.seconds, size=done.size, animated=done.animated)
    match error:
        case PictureError() | OSError() if str(job.source) in str(error):
            message = str(error)
        case MemoryError():
            message = f"'{job.source}': {str(error) or 'not enough memory'}"
        case _:
            message = f"'{job.source}': {_first_line(error)}"
    return Outcome(job, "failed", message, error, done.seconds, done.size)


def not_in_file(job: Job, file: Location) -> Outcome:
    """Return that a picture has failed, since the file of many for its result is there without it."""
    return Outcome(job, "failed", f"'{job.source}': '{file}' is there without it; --overwrite makes it anew")


class NothingPaintedError(Exception):
    """There is nothing to write; each picture has said why."""


def until_written(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield what became of the pictures of one file, which is written whole or not at all.

    What is stylised is only `painted` until the file is there; then it is yielded again, as what it is.

    Args:
        outcomes: Ends when the file is written, and raises if it cannot be.
    """
    stylized: list[Outcome] = []
    for outcome in outcomes:
        if outcome.status == "stylized":
            stylized.append(outcome)
            yield replace(outcome, status="painted")
        else:
            yield outcome
    yield from stylized


def _first_line(error: Exception) -> str:
    """Return the message without the advice and stack that CUDA appends to it."""
    return next(iter(str(error).splitlines()), type(error).__name__)
