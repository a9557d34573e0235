"""What is seen while a clip is stylised, and what ends it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from allaprima.images.video import ClipInfo, Frame, Section


class Terminated(KeyboardInterrupt):
    """The system asked the program to end."""


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
def ending_on_signals() -> Iterator[None]:
    """Make a request to terminate an exception, as Ctrl-C is one."""

    def end(signum: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
