"""Tables and progress of the command `evaluate`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")

_FILE_WIDTH = 120
"""Columns of a table where there is no terminal to ask."""


def table_console() -> "Console":
    """Return where tables are printed."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


def tracked(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Return things one by one, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)
