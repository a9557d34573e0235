"""Styles that can be switched between at once: loaded, and warmed up at every size."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from allaprima.infer.engines import Engine, load_engine

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReadyStyle:
    """A style's name and the network that paints in it."""

    name: str
    engine: Engine


def ready_styles(files: Sequence[Path], sizes: Iterable[tuple[int, int]], **options: Any) -> list[ReadyStyle]:
    """Return styles, each of which has painted a picture of each size already.

    Args:
        files: Style files, names of bundled styles, or exported ones.
        sizes: Heights and widths that will be painted.
        options: As for `load_engine`.

    Raises:
        OSError: If one cannot be read.
        ValueError: If one is damaged, or does not take pictures of that size.
    """
    ready = [
        ReadyStyle(name, load_engine(file, **options))
        for name, file in zip(style_names(files), files, strict=True)
    ]
    for style in ready:
        for height, width in sizes:
            style.engine(np.zeros((1, height, width, 3), np.uint8))
        _log.info("style '%s' is ready", style.name)
    return ready


def style_names(files: Sequence[Path]) -> list[str]:
    """Return a name for each file: its own, or its whole path where two have the same.

    Raises:
        ValueError: If a file is given twice.
    """
    if twice := [str(file) for file, count in Counter(files).items() if count > 1]:
        raise ValueError(f"style '{twice[0]}' is given twice; give each style once")
    own = Counter(file.stem for file in files)
    return [file.stem if own[file.stem] == 1 else str(file) for file in files]
