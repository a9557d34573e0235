"""What was being written when a program was killed: told from what is still being written, and removed."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows lets nobody delete what is open, and has nothing like it for folders
    fcntl = None  # type: ignore[assignment]

UNFINISHED = ".unfinished-allaprima-"
"""How the names of files and folders begin that are not whole yet; 16 hexadecimal digits follow."""

_NAME = re.compile(re.escape(UNFINISHED) + r"[0-9a-f]{16}(\.new)?")

_NEW_FOR = 3600.0
"""Seconds after which what is about to be held is a killed program's: as a rule it is held at once."""


def unfinished(folder: Path) -> Path:
    """Return a name in a folder that nobody has, for what is not whole yet."""
    return folder / f"{UNFINISHED}{secrets.token_hex(8)}"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a hidden folder for this user alone, which is removed after: at the latest by the next program
    that makes one there, should this one be killed.

    Raises:
        OSError: If `parent` is missing or unwritable.
    """
    clear_abandoned(parent.absolute())
    folder = unfinished(parent)
    try:
        with held_from_the_start(folder, partial(Path.mkdir, mode=0o700)):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def held_from_the_start(path: Path, make: Callable[[Path], object]) -> Iterator[None]:
    """Make an unfinished file or folder and hold it while the block runs.

    It gets its name only when it is held: between the two it would look like a killed program's.
    """
    unnamed = path.with_name(f"{path.name}.new")
    try:
        make(unnamed)
        with held(unnamed):
            unnamed.rename(path)
            yield
    finally:
        with suppress(OSError):
            _remove(unnamed)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes from taking an unfinished file or folder for a killed one's, while the block runs.

    The lock ends with the process, however that ends.
    """
    descriptor = os.open(path, os.O_RDONLY) if fcntl else -1
    try:
        if fcntl:
            with suppress(OSError):  # a file system without locks, where nothing is cleared either
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


@cache
def clear_abandoned(folder: Path) -> None:
    """Remove what killed programs left unfinished in a folder; looked for once in a process.

    Only what has a name of ours, belongs to this user and is locked by nobody.
    """
    if fcntl is None:
        return
    with suppress(OSError):
        for entry in os.scandir(folder):
            match = _NAME.fullmatch(entry.name)
            if match is not None and not entry.is_symlink():
                with suppress(OSError):
                    if match[1] is None or time.time() - entry.stat().st_mtime > _NEW_FOR:
                        _remove_unless_held(Path(entry.path))


def _remove_unless_held(path: Path) -> None:
    if fcntl is None or path.stat().st_uid != os.getuid():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
