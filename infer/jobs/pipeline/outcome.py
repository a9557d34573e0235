"""What became of a job."""

from dataclasses import dataclass
from typing import Any, Literal

from allaprima.images.picture_files import PictureError
from allaprima.infer.jobs.planning.job import Job

from .run_pipeline import Done


@dataclass(frozen=True)
class Outcome:
    """What became of a job; the message, for a failed one, names the file and the reason.

    Attributes:
        job: The job.
        status: What.
        message: Why it failed.
        error: What a failed job met.
        seconds: From when its picture was read until the result was written.
        size: Height and width of the picture, where it could be read.
        animated: Whether only the first frame of an animation was painted.
    """

    job: Job
    status: Literal["stylized", "skipped", "failed"]
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


def _first_line(error: Exception) -> str:
    """Return the message without the advice and stack that CUDA appends to it."""
    return next(iter(str(error).splitlines()), type(error).__name__)
