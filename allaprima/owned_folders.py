"""Folders that this program made and may delete again, told from all others by a marker in them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from .atomic import write_whole

MARKER = "made-by-allaprima"
_TEXT = b"allaprima made this folder and deletes it when it needs the room\n"


def mark_as_owned(folder: Path) -> None:
    """Put the marker into a folder that was just made."""
    write_whole(folder / MARKER, _TEXT)


def owned_folders(parent: Path) -> list[Path]:
    """Return the marked folders in a folder, without links; whatever else is there is passed over."""
    return [folder for folder in sorted(parent.iterdir()) if _is_owned(folder)]


def remove_owned(folder: Path, names: Iterable[str]) -> None:
    """Delete a marked folder and the files in it that have these names; others, and so the folder, stay.

    The marker goes last, so that what a kill leaves is removed another time. What cannot be deleted, such as
    what Windows keeps since somebody has it open, stays too.
    """
    if not _is_owned(folder):
        return
    with suppress(OSError):
        for name in (*names, MARKER):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def is_this_users(path: Path) -> bool:
    """Return whether a file or folder, or a link of that name, belongs to who runs this program."""
    try:
        return not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _is_owned(folder: Path) -> bool:
    try:
        status = (folder / MARKER).lstat()
        if folder.is_symlink() or not is_this_users(folder) or not S_ISREG(status.st_mode):
            return False
        return status.st_size == len(_TEXT) and (folder / MARKER).read_bytes() == _TEXT
    except OSError:
        return False
