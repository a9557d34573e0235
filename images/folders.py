"""Which files a folder holds."""

import logging
import os
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISREG
from typing import Protocol, TypeVar

from .picture_files import picture_suffixes

_log = logging.getLogger(__name__)

_NO_PHOTOGRAPHS = {
    *("@eaDir", "#recycle", "@Recycle", "@Recently-Snapshot", "#snapshot", "~snapshot"),
    *("__MACOSX", "$RECYCLE.BIN"),
}
"""Folders of thumbnails, earlier states and deleted files, which storage and systems make by themselves."""

RECORD = ".manifest.jsonl"
"""What the record of a job that painted pictures ends with; it lies beside them, and is nobody's picture."""

SETTINGS, CHECKPOINTS = "config.yaml", "checkpoints"
"""What the folder of every training run holds; pictures in it are of that run, and nobody's photographs."""

_NAMED = 5
"""Suffixes, the most frequent ones, when files are passed over."""


class HasSuffix(Protocol):
    """A path, or the name of something that is no file of this machine."""

    @property
    def name(self) -> str:
        """The last part."""
        ...

    @property
    def suffix(self) -> str:
        """The dot and what follows it."""
        ...


Name = TypeVar("Name", bound=HasSuffix)


def files_below(folder: Path) -> list[Path]:
    """Return the files at any depth, sorted, without hidden ones, devices, pipes and systems' own folders.

    Folders of training runs are left out too, but for `folder` itself, which somebody names on purpose. Links
    to folders are followed. A folder that can be reached in several ways is searched once,
    under its own name where it has one below `folder`, so loops end. Links to nothing are returned:
    whoever reads them can name them. What may not be searched is logged and left out.

    Raises:
        OSError: If `folder` itself cannot be searched.
    """
    files: list[Path] = []
    searched: set[tuple[int, int]] = set()
    waiting = deque([folder])
    while waiting:
        current = waiting.popleft()
        try:
            status = current.stat()
            if (status.st_dev, status.st_ino) in searched:
                continue
            searched.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if current == folder:
                raise
            _log.warning("leaving out folder '%s': %s", current, error.strerror)
            continue
        if current != folder and {SETTINGS, CHECKPOINTS} <= {entry.name for entry in listed}:
            _log.info("leaving out folder '%s': it is that of a training run", current)
            continue
        for entry in listed:
            path = current / entry.name
            if entry.name.startswith(".") or entry.name in _NO_PHOTOGRAPHS:
                continue
            if not _is_folder(entry):
                if entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _is_file_or_nothing(path)):
                    files.append(path)
            elif entry.is_symlink():
                waiting.append(path)  # after all that is no link
            else:
                waiting.appendleft(path)
    return sorted(files)


def pictures_below(folder: Path) -> list[Path]:
    """Return those of `files_below` that are called like pictures; what is passed over is counted in the log.

    Raises:
        OSError: If `folder` itself cannot be searched.
    """
    files = files_below(folder)
    say_passed_over(folder, others_than_pictures(files))
    return [path for path in files if is_called_picture(path)]


def others_than_pictures(files: Iterable[Name]) -> list[Name]:
    """Return those that are not called like pictures, without this program's own records."""
    return [path for path in files if not is_called_picture(path) and not path.name.endswith(RECORD)]


def say_passed_over(folder: Path | str, others: Iterable[HasSuffix]) -> None:
    """Log how many files of a folder are not called like what is looked for, and how they are called."""
    suffixes = Counter(path.suffix.lower() or "without a suffix" for path in others)
    if suffixes:
        named = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(_NAMED))
        more = ", ..." if len(suffixes) > _NAMED else ""
        _log.info("%s: passing over files that are not called pictures: %s%s", folder, named, more)


def is_called_picture(path: HasSuffix) -> bool:
    """Return whether a file has the suffix of a format that can be read."""
    return path.suffix.lower() in picture_suffixes()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file_or_nothing(link: Path) -> bool:
    try:
        return S_ISREG(link.stat().st_mode)
    except FileNotFoundError:
        return True
    except OSError:  # a link to itself
        return False
