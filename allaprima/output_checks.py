"""Whether files can be written, asked before the work rather than after it."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def check_outputs(paths: Iterable[Path | None], *, overwrite: bool) -> None:
    """Raise now if a file could not be written later, or would replace one that is to stay.

    Args:
        paths: The files; None stands for one that nobody asked for.
        overwrite: Files that are there may be replaced.

    Raises:
        FileNotFoundError: If a folder does not exist.
        FileExistsError: If a file is there and may not be replaced, or a folder has its name.
    """
    for path in paths:
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"cannot write '{path}': there is no folder '{path.parent}'")
        if path.is_dir():
            raise FileExistsError(f"cannot write '{path}': it is a folder")
        if path.exists() and not overwrite:
            raise FileExistsError(f"'{path}' is there already: --overwrite replaces it")


def check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    """Raise ValueError if a file's name does not end as a kind of file that can be written."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"cannot write '{path}': suffix must be one of {', '.join(suffixes)}")
