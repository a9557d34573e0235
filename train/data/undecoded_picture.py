"""A picture on its way to the batch, and how many bytes one may have."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGEST_PICTURE = 1 << 28
"""Bytes of one picture; 89 million pixels, as many as are read, have fewer uncompressed."""


@dataclass(frozen=True)
class NoPicture:
    """What stands in the place of a picture that is not to be had, and is skipped like a broken one."""

    reason: str


Payload = Path | bytes | NDArray[np.uint8] | NoPicture
"""A file, its contents, already `(H, W, 3)` uint8, or why there is none."""


def within_bounds(content: bytes) -> bytes | NoPicture:
    """Return the contents of a file unless they are too many."""
    if len(content) > LARGEST_PICTURE:
        return NoPicture(f"it has more than {LARGEST_PICTURE} bytes")
    return content


def bytes_of(payload: Payload) -> int:
    """Return how many bytes a picture takes in memory; one in a file of its own takes none."""
    match payload:
        case bytes():
            return len(payload)
        case np.ndarray():
            return payload.nbytes
    return 0
