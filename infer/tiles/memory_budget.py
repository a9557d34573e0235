"""How much memory a picture may take, and the tiles that fit."""

import math
import os
import re
from dataclasses import dataclass
from typing import Literal

import psutil

Tiles = Literal["auto", "exact", "fast"]
"""`exact` paints what is painted in one piece; `fast` takes the statistics of a reduced picture (Chen et al.
2022), which shows; `auto` is exact wherever the disk has room for it."""

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

LARGEST_TILE, SMALLEST_TILE = 768, 64
"""Sides in pixels. Larger ones are no faster (docs/batch.md), and smaller ones mostly margin."""

# Strips of the picture and the codecs, at 20,000 pixels a row.
_AROUND_TILES = 250 * 10**6


@dataclass(frozen=True)
class Budget:
    """The memory that the process may take.

    Attributes:
        memory: Bytes, at its peak; None takes what is free when a picture comes.
    """

    memory: int | None = None

    def left(self, free: int) -> int:
        """Return how many bytes may still be taken.

        Args:
            free: Bytes that can be had.
        """
        if self.memory is None:
            return free
        taken = int(psutil.Process(os.getpid()).memory_info().rss)
        return min(self.memory - taken, free)


def parse_memory(text: str) -> int:
    """Return the bytes that `2G`, `800M` or `2.5 GB` means; units are powers of a thousand.

    Raises:
        ValueError: If it means nothing.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?\s*", text.upper())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"memory is '{text}'; expected a size such as 2G or 800M")
    return round(float(match[1]) * _UNITS[match[2]])


def tile_side(left: int, bytes_per_pixel: int, margin: int) -> int:
    """Return the longest side of a tile, in pixels.

    Args:
        left: Bytes that may be taken.
        bytes_per_pixel: That a tile takes.
        margin: Pixels around it that are computed too.
    """
    fitting = math.isqrt(max(left - _AROUND_TILES, 0) // bytes_per_pixel) - 2 * margin
    return min(max(fitting, SMALLEST_TILE), LARGEST_TILE)
