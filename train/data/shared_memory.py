"""The memory through which processes hand pictures over."""

import shutil
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")

_USED = 0.7
"""Share of it that is used at most; others use it too."""


def free_shared_memory() -> int | None:
    """Return the bytes that may be taken, or None on systems that have no such limit of their own."""
    if not SHARED_MEMORY.is_dir():
        return None
    return int(shutil.disk_usage(SHARED_MEMORY).free * _USED)
