"""The two files of a cache of decoded pictures, and whether every byte of them is as it was written."""

import json
import zlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

from allaprima.atomic import write_whole

PIXELS, INDEX = "pixels.bin", "index.json"
_CHUNK = 2**24
_LARGEST_INDEX = 1 << 30
"""Bytes; ten million pictures take as many. One with holes may claim any number and take no room."""


@dataclass(frozen=True)
class CacheIndex:
    """What is in the file of pixels, in order; a broken picture has the shape (0, 0)."""

    names: list[str]
    shapes: list[tuple[int, int]]
    broken: list[int]
    pixels_crc32: int


def write_index(folder: Path, index: CacheIndex) -> None:
    """Write the index of a cache whose pixels are there."""
    text = json.dumps(asdict(index))
    wrapped = {"crc32": zlib.crc32(text.encode()), "index": text}
    write_whole(folder / INDEX, json.dumps(wrapped).encode())


def read_index(folder: Path) -> CacheIndex:
    """Return the index of a cache; no pixels are read.

    Raises:
        ValueError: If it is damaged.
        OSError: If it cannot be read.
    """
    try:
        if (folder / INDEX).stat().st_size > _LARGEST_INDEX:
            raise ValueError(f"it has more than {_LARGEST_INDEX} bytes")
        wrapped = json.loads((folder / INDEX).read_bytes())
        text = wrapped["index"]
        if zlib.crc32(text.encode()) != wrapped["crc32"]:
            raise ValueError("its checksum does not hold")
        index = CacheIndex(**json.loads(text))
        if not _holds_together(index):
            raise ValueError("its rows do not fit each other")
        return index
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"'{folder / INDEX}' is damaged: {error}") from error


def _holds_together(index: CacheIndex) -> bool:
    """Return whether there is a name and a size of each picture, and those without pixels are the broken."""
    sides = [side for shape in index.shapes for side in shape]
    empty = [number for number, (height, width) in enumerate(index.shapes) if not height * width]
    return (
        {type(side) for side in sides} <= {int}
        and min(sides, default=0) >= 0
        and {type(name) for name in index.names} <= {str}
        and len(index.names) == len(index.shapes)
        and empty == index.broken
    )


def is_sound(folder: Path) -> bool:
    """Return whether a cache can be read and the checksums of index and pixels hold.

    That reads all of it, 1 to 3 GB a second, once in a process as long as the files stay as they are.
    """
    try:
        return _checked(folder, *(_stamp(folder / name) for name in (INDEX, PIXELS)))
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=8)
def _checked(folder: Path, *_: Any) -> bool:
    index = read_index(folder)
    expected = sum(height * width * 3 for height, width in index.shapes)
    if (folder / PIXELS).stat().st_size != expected:
        return False
    checksum = 0
    pixels = np.memmap(folder / PIXELS, dtype=np.uint8, mode="r") if expected else np.empty(0, np.uint8)
    for start in range(0, expected, _CHUNK):
        checksum = zlib.crc32(pixels[start : start + _CHUNK].data, checksum)
    return checksum == index.pixels_crc32


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    if not S_ISREG(stat.st_mode):  # a pipe would be waited for, a device be read without end
        raise OSError(f"'{path}' is no file")
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
