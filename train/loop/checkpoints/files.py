"""The checkpoints in a folder, and whether they are whole, found without loading them (or torch)."""

import logging
import zipfile
import zlib
from pathlib import Path

_log = logging.getLogger(__name__)


def by_step(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    checkpoints = (path for path in folder.glob("*.ckpt") if _is_number(path.stem))
    return sorted(checkpoints, key=lambda path: int(path.stem), reverse=True)


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint is there and every byte's checksum holds, which takes a second per GB."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with zipfile.ZipFile(path) as archive:
            return bool(archive.namelist()) and archive.testzip() is None
    except (OSError, EOFError, zlib.error, ValueError, RuntimeError, zipfile.BadZipFile):
        return False  # RuntimeError: it claims to be encrypted, or compressed in an unknown way


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole, if there is one."""
    return next((path for path in by_step(folder) if is_whole(path)), None)


def checkpoint_to_resume(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole; newer ones that are damaged are named."""
    newest = newest_whole(folder)
    for path in by_step(folder):
        if path == newest:
            break
        instead = f": going on from step {newest.stem}" if newest else ""
        _log.warning("checkpoint '%s' is damaged and left out%s", path, instead)
    return newest


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
