"""How a job is going, and what came of it, on the terminal."""

from collections import Counter
from collections.abc import Callable, Iterator
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from allaprima.images.picture_files import TooManyPixelsError
from allaprima.infer.jobs.pipeline.outcome import Outcome
from allaprima.terminal import printable, say

Start = Callable[[Callable[[float], None]], Iterator[Outcome]]
"""Begins a job, given what is told which share of a large picture is done."""

_RATES_FROM = 3
"""Pictures from which on a summary says how many there were a second."""


def only_first_frames(animations: int) -> str:
    """Say that no more of some animations was painted."""
    some = "an animation" if animations == 1 else f"{animations} animations"
    return f"of {some} only the first frame: allaprima video paints them all"


def report(total: int | None, start: Start, *, max_failures: int | None, passed_over: int = 0) -> int:
    """Draw the progress, print failures as they happen and a summary; return the exit code.

    Args:
        total: How many outcomes there will be, where that is known.
        start: Returns what becomes of each; it is carried out as it is asked for.
        max_failures: Stop when more have failed; None never stops.
        passed_over: How many files of folders are not called pictures.
    """
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    columns = (TextColumn("stylising"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    tally = _Tally(total, passed_over)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, rate="", visible=total != 1)
        tiles = progress.add_task("", total=100, rate="% of a large picture", visible=False)

        def on_share(share: float) -> None:
            progress.update(tiles, completed=round(100 * share), visible=share < 1)

        for outcome in start(on_share):
            tally.add(outcome)
            progress.update(task, completed=tally.counts.total(), rate=tally.rate())
            if outcome.status == "failed":
                limited = isinstance(outcome.error, TooManyPixelsError)
                hint = "; --max-pixels raises the limit" if limited else ""
                console.print(f"error: {printable(outcome.message)}{hint}")
            if max_failures is not None and tally.counts["failed"] > max_failures:
                console.print(f"error: stopped after {tally.counts['failed']} failed; the rest is not done")
                break
    say(tally.summary())
    return 1 if tally.counts["failed"] else 0


class _Tally:
    """Counts outcomes, and how fast they come."""

    def __init__(self, total: int | None, passed_over: int) -> None:
        self.counts: Counter[str] = Counter()
        self._total, self._started, self._pixels = total, perf_counter(), 0
        self._animations, self._passed_over = 0, passed_over

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        if outcome.status != "stylized":
            return
        if self.counts["painted"]:  # it was one of them, and its file is written now
            self.counts["painted"] -= 1
        self._animations += outcome.animated
        if outcome.size is not None:
            self._pixels += outcome.size[0] * outcome.size[1]

    def rate(self) -> str:
        """Return pictures a second, and how long the rest will take."""
        worked = self.counts["stylized"] + self.counts["painted"] + self.counts["failed"]
        if not worked:
            return ""
        seconds = perf_counter() - self._started
        rate = f"{worked / seconds:.2f}/s"
        if self._total is None:
            return rate
        left = (self._total - self.counts.total()) * seconds / worked
        return f"{rate}, {_duration(left)} left"

    def summary(self) -> str:
        done, seconds = self.counts["stylized"], perf_counter() - self._started
        parts = [f"{done} picture{'' if done == 1 else 's'} stylised"]
        if self._animations:
            parts[0] += f" ({only_first_frames(self._animations)})"
        if self.counts["failed"]:
            parts.append(f"{self.counts['failed']} failed")
        if self.counts["painted"]:
            parts.append(f"{self.counts['painted']} painted in vain (the file for them is not written)")
        if self.counts["skipped"]:
            parts.append(f"{self.counts['skipped']} skipped (already there; --overwrite redoes them)")
        if self._passed_over:
            files = f"{self._passed_over} file{'' if self._passed_over == 1 else 's'}"
            parts.append(f"{files} passed over (not called pictures)")
        rates = f"; {done / seconds:.2f} pictures and {self._pixels / seconds / 1e6:.2f} megapixels a second"
        return ", ".join(parts) + (rates if done >= _RATES_FROM else "")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
