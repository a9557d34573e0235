"""What is seen while a clip is stylised, and what ends it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from allaprima.ending_signals import asked_to_end
from allaprima.images.video import ClipInfo, Frame, Section


class AskedToEndError(KeyboardInterrupt):
    """Ctrl-C, or what else asks the program to end.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def shown_progress(info: ClipInfo, section: Section) -> Iterator[Callable[[Frame], None]]:
    """Draw a bar with frames per second and the time left, on a terminal; yield what advances it."""
    console = Console(stderr=True)
    rate = TextColumn("{task.fields[rate]:.1f} frames/s")
    columns = (TextColumn("stylising"), BarColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=_length(info, section), rate=0.0)
        started, count = perf_counter(), 0
        first: int | None = None

        def advance(frame: Frame) -> None:
            nonlocal count, first
            count += 1
            first = frame.pts if first is None else first
            shown = float((frame.pts + frame.duration - first) * info.time_base)
            progress.update(task, completed=shown, rate=count / (perf_counter() - started))

        yield advance


def _length(info: ClipInfo, section: Section) -> float | None:
    """Return how many seconds are stylised, if that is known."""
    ends = [float(end) for end in (info.seconds, section.end) if end is not None]
    return max(0.0, min(ends) - float(section.start)) if ends else None


@contextmanager
def ending_on_signals(kept: Callable[[], str]) -> Iterator[None]:
    """Make the first request to end an exception, as Ctrl-C is one; a second one ends the process at once.

    Args:
        kept: As for `asked_to_end`.
    """

    def end(number: int) -> None:
        raise AskedToEndError(number)

    with asked_to_end(end, kept):
        yield
