"""Whether files can be written, asked before the work rather than after it."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from .atomic import require_writable


def check_outputs(
    paths: Iterable[Path | None], *, overwrite: bool, inputs: Iterable[Path | None] = ()
) -> None:
    """Raise now if a file could not be written later, or would replace one that is to stay.

    Args:
        paths: The files; None stands for one that nobody asked for.
        overwrite: Files that are there may be replaced.
        inputs: Files that are read, which may not be replaced; None likewise.

    Raises:
        FileNotFoundError: If a folder does not exist.
        FileExistsError: If a file is there and may not be replaced, or a folder has its name.
        ValueError: If two files would be one.
        OSError: If a folder cannot be written or is full, or a name is not possible there.
    """
    wanted = [path for path in paths if path is not None]
    taken = {path.resolve(): "read from" for path in inputs if path is not None}
    for path in wanted:
        if use := taken.get(path.resolve()):
            raise ValueError(f"'{path}' cannot be written to: it is {use} already; give another name")
        taken[path.resolve()] = "written to"
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


def check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    """Raise ValueError if a file's name does not end as a kind of file that can be written."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"cannot write '{path}': suffix must be one of {', '.join(suffixes)}")
