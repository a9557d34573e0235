"""Whether files can be written, asked before the work rather than after it."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from .atomic import require_writable


def check_outputs(
    paths: Iterable[Path | None], *, overwrite: bool, inputs: Sequence[Path | None] = ()
) -> None:
    """Raise now if a file could not be written later, or would replace one that is to stay.

    Args:
        paths: The files; None stands for one that nobody asked for.
        overwrite: Files that are there may be replaced.
        inputs: Files that are read, which may not be replaced; None likewise.

    Raises:
        FileNotFoundError: If a folder does not exist.
        FileExistsError: If a file is there and may not be replaced, or a folder has its name.
        ValueError: If two files would be one, or one is an input.
        OSError: If a folder cannot be written or is full, or a name is not possible there.
    """
    wanted = [path for path in paths if path is not None]
    taken: set[Path] = set()
    for path in wanted:
        if path.resolve() in taken:
            raise ValueError(f"'{path}' cannot be written to: it is written to already; give another name")
        taken.add(path.resolve())
        if any(are_one(path, source) for source in inputs if source is not None):
            raise ValueError(f"output '{path}' would replace its input; give it another name")
    for path in wanted:
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"cannot write '{path}': there is no folder '{path.parent}'")
    by_length = sorted(wanted, key=lambda path: len(os.fsencode(path.name)))
    for path in {path.parent: path for path in by_length}.values():  # of each folder the longest name
        if not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir() raises for names that are too long)
            require_writable(path)
    for path in wanted:
        if path.is_dir():
            raise FileExistsError(f"cannot write '{path}': it is a folder")
        if path.exists() and not overwrite:
            raise FileExistsError(f"'{path}' is there already: --overwrite replaces it")


def are_one(path: Path, other: Path) -> bool:
    """Return whether two names lead to one file that is there, through links of any kind."""
    try:
        return path.samefile(other)
    except OSError:  # one is not there, or cannot be
        return False


def check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    """Raise ValueError if a file's name does not end as a kind of file that can be written."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"cannot write '{path}': suffix must be one of {', '.join(suffixes)}")
