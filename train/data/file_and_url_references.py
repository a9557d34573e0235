"""Rows of tables that name a file or URL instead of holding a picture."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import datasets.config
import fsspec
from huggingface_hub.constants import HF_HUB_CACHE

from .undecoded_picture import LARGEST_PICTURE, NoPicture, within_bounds

_INSIDE_ARCHIVES = r"(?:(?:zip|tar|gzip|bz2|xz|zstd|lz4)://[^:]*::)*"


@dataclass(frozen=True)
class Followed:
    """Which references are followed; by itself none, since a table is no reason to read files or ask servers.

    Attributes:
        all: Every one, because somebody said so.
        data_set: Those that lead into this data set on the hub, whose loader makes them.
    """

    all: bool = False
    data_set: str | None = None

    def __contains__(self, reference: str) -> bool:
        if self.all:
            return True
        if self.data_set is None:
            return False
        if "://" in reference:
            if ".." in reference.split("/"):  # out of the data set
                return False
            own = re.escape(f"hf://datasets/{self.data_set}")
            return re.fullmatch(rf"{_INSIDE_ARCHIVES}{own}[@/].*", reference) is not None
        caches = (Path(datasets.config.HF_DATASETS_CACHE), Path(HF_HUB_CACHE))
        try:
            return any(cache.resolve() in Path(reference).resolve().parents for cache in caches)
        except (OSError, ValueError, RuntimeError):  # it is no possible path, or a link to itself
            return False


def follow(reference: str) -> Path | bytes | NoPicture:
    """Return what a reference leads to; nothing ends the run, whatever it is."""
    _, scheme, local = reference.rpartition("file://")
    path = Path(local)
    if scheme or "://" not in reference:
        if not path.is_file():  # nor a device or a pipe
            return NoPicture(f"'{path}' is not a file here")
        return path if path.stat().st_size <= LARGEST_PICTURE else NoPicture(f"'{path}' is too large")
    try:
        remote: Any = fsspec.open(reference, "rb")
        with remote as file:
            return within_bounds(file.read(LARGEST_PICTURE + 1))
    except Exception as error:  # each kind of server has errors of its own
        return NoPicture(f"'{reference}' cannot be read: {error}")
