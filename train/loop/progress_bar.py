"""A bar in a terminal with the terms of an objective below it; plain lines elsewhere."""

import logging
import time
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 30.0
"""Seconds between lines where there is no terminal to draw a bar on."""

REFRESH_SECONDS = 0.25
_log = logging.getLogger(__name__)


class TermsBar:
    """Show how far something has come: a bar with the time left, and a line with the terms.

    Args:
        what: What is counted, such as `step`.
        console: Where to draw; standard error by default.
    """

    def __init__(self, what: str, console: Console | None = None) -> None:
        self._what = what
        self._console = console or Console(stderr=True)
        self._terms = Text()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        self._task = self._bar.add_task(what, total=1.0)
        self._live = Live(Group(self._bar, self._terms), console=self._console)
        self._shown = time.monotonic()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Draw the empty bar, on a terminal."""
        if self._console.is_terminal:
            self._live.start()

    def stop(self) -> None:
        """Leave the last state on the screen and give the terminal back."""
        self._live.stop()

    @property
    def is_due(self) -> bool:
        """Whether it is time to show something again; asking is free, the terms may not be."""
        wait = REFRESH_SECONDS if self._live.is_started else LINE_SECONDS
        return time.monotonic() - self._shown >= wait

    def show(self, number: str, done: float, terms: str) -> None:
        """Show where it stands, if that is due.

        Args:
            number: What is counted, so far.
            done: Part that is done, 0 to 1.
            terms: One line.
        """
        if not self.is_due:
            return
        self._shown = time.monotonic()
        if self._live.is_started:
            self._terms.plain = terms
            self._bar.update(self._task, completed=done, description=f"{self._what} {number}")
        else:
            _log.info("%s %s (%.0f %%): %s", self._what, number, 100 * done, terms)
