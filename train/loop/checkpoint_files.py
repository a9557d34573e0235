"""The checkpoints in a folder, found without loading them (or torch)."""

import logging
import zipfile
from pathlib import Path

_log = logging.getLogger(__name__)


def by_step(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    checkpoints = (path for path in folder.glob("*.ckpt") if path.stem.isdigit())
    return sorted(checkpoints, key=lambda path: int(path.stem), reverse=True)


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that is not cut off, if there is one; damaged ones are named."""
    for path in by_step(folder):
        if zipfile.is_zipfile(path):
            return path
        _log.warning("checkpoint '%s' is damaged and left out", path)
    return None
