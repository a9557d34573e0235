"""Where the files of a run's settings are: a run is resumed from other folders, and on other machines."""

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from .settings.config import BASE, RANDOM
from .settings.field_metadata import Mark, marked

Settings = TypeVar("Settings", bound=BaseModel)


def with_absolute_places(settings: Settings, root: Path) -> Settings:
    """Return the settings as a run's folder keeps them: what is there has its whole path.

    Args:
        settings: The settings; names of bundled styles and of data sets on the hub stay what they are.
        root: The run's folder.
    """
    whole = {
        name: _whole(value)
        for name, value in _places(settings, but=()).items()
        if (_is_style_file(value) if name == "init" else _is_there(value))
    }
    return settings.model_copy(update={**whole, "output": root.absolute()})


def with_moved_places(settings: Settings, root: Path, but: Iterable[str]) -> Settings:
    """Return the settings with what is no longer there taken from beside the run's folder, if that moved.

    Args:
        settings: From `with_absolute_places`, maybe on another machine.
        root: The run's folder now.
        but: Settings that somebody has named anew.
    """
    began = getattr(settings, "output", None)
    if began is None or not began.is_absolute():  # of a version that kept paths as they were typed
        return settings
    moved = {}
    for name, value in _places(settings, but).items():
        if Path(value).is_absolute() and not _is_there(value):
            beside = os.path.normpath(root.absolute() / os.path.relpath(value, began))
            if _is_there(beside):
                moved[name] = type(value)(beside)
    return settings.model_copy(update={**moved, "output": root.absolute()})


def _places(settings: BaseModel, but: Iterable[str]) -> dict[str, Path | str]:
    kind = type(settings)
    names = (marked(kind, Mark.FILE) | marked(kind, Mark.SOURCE) | marked(kind, Mark.PLACE)) - {
        "output",
        *but,
    }
    return {name: value for name in sorted(names) if (value := getattr(settings, name)) is not None}


def _whole(value: Path | str) -> Path | str:
    return type(value)(os.path.abspath(os.path.expanduser(value)))  # noqa: PTH100, PTH111 (a pattern stays one)


def _is_style_file(value: Path | str) -> bool:
    """Return whether it is none of the program's own names, which a folder called so does not change."""
    return value not in (BASE, RANDOM) and Path(value).expanduser().is_file()


def _is_there(value: Path | str) -> bool:
    path = os.path.expanduser(value)  # noqa: PTH111
    return os.path.lexists(path) or bool(glob.glob(path, recursive=True))  # noqa: PTH207
