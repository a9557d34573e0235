"""Files that are either whole or absent: encoded in memory, written, flushed to the disk, then renamed."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .unfinished_files import clear_abandoned, held_from_the_start, scratch_folder, unfinished


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is there with all of its content, or not at all; an earlier one stays until then.

    Encoders write into memory and the result comes here: many of them pass over a short write, so that on
    a full disk half a file would count as a whole one. What is written beside `path` first has nothing of
    its name, which may be as long as the disk allows. It gets the mode of any new file, without
    `chmod`, which network shares and memory cards refuse.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    _refuse_folder(path)
    clear_abandoned(path.parent.absolute())
    temporary = unfinished(path.parent)
    try:
        with held_from_the_start(temporary, partial(Path.touch, exist_ok=False)):
            with temporary.open("rb+") as file:
                file.write(content)
                file.flush()
                _sync(file.fileno(), len(content), temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends well.

    For what is too large for memory, written by something that tells when it could not; everything else
    goes through `write_whole`. The temporary file has the name of `path`, so writers that look at it work.
    When the block raises, it is removed and an earlier `path` stays as it was.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    with write_together([path]) as folder:
        yield folder / path.name


@contextmanager
def write_together(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield a temporary folder whose files become `paths`, all of one folder, when the block ends well.

    For libraries that only write files. The block writes each of them in the temporary folder under its
    own name, and makes sure that it is whole, since the library may not tell; what else it leaves there is
    removed. The first of `paths` is put in place last, so that once it is there the others are. When the
    block raises, earlier files stay as they were.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    for path in paths:
        _refuse_folder(path)
    with scratch_folder(paths[0].parent) as folder:
        yield folder
        for path in paths:
            with (folder / path.name).open("rb+") as file:
                os.fsync(file.fileno())
        for path in reversed(paths):
            (folder / path.name).replace(path)


def require_writable(path: Path, needed: int = 0) -> None:
    """Raise OSError now, rather than after the work, if a file could not be written there.

    Tries the folder and the very name, and leaves everything as it was.

    Args:
        path: What will be written; it may exist.
        needed: Bytes that it and what comes with it will take, roughly.

    Raises:
        OSError: If the folder is missing, unwritable or full, or the name is not possible there.
    """
    try:
        _try(path)
    except OSError as error:
        raise type(error)(f"cannot write '{path}': {_reason(error, path)}") from error
    free = shutil.disk_usage(path.absolute().parent).free
    if free < needed:
        raise OSError(f"cannot write '{path}': {free / 1e6:.0f} MB are free, it needs {needed / 1e6:.0f} MB")


def _refuse_folder(path: Path) -> None:
    """Raise OSError at once: renaming would fail only when all is written, with a message of its own."""
    if path.is_dir():
        raise IsADirectoryError(f"cannot write '{path}': it is a folder")


def _try(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError("it is a folder")
    with scratch_folder(path.parent) as folder:
        (folder / path.name).write_bytes(b"\0" * 4096)


def _reason(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no folder '{path.parent}'"
    return (error.strerror or str(error)).lower()


def _sync(descriptor: int, size: int, path: Path) -> None:
    """Bring what was written to the disk, and make sure that all of it is there."""
    os.fsync(descriptor)
    if (written := os.fstat(descriptor).st_size) != size:
        raise OSError(f"'{path}' has {written} of {size} bytes: is the disk full?")
