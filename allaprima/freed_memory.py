"""What the C library does with memory that is no longer used.

The GNU C library of most Linux systems gives blocks as large as feature maps back to the system as soon
as they are free, and the system clears them page by page when the next layer asks for them. Kept
instead, a training step on a CPU takes three quarters of the time, and a large picture half
(docs/speed.md).
"""

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h


def keep_freed_memory() -> None:
    """Let this process keep all memory that it frees, to use again; elsewhere than on glibc do nothing."""
    if library := _glibc():
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, -1)


def give_back_freed_memory() -> None:
    """Give what was kept so far back to the system."""
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
