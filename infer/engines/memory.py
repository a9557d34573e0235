"""How much memory is free, and what is said when it does not suffice."""

from collections.abc import Callable
from types import TracebackType

import psutil

from allaprima.freed_memory import give_back_freed_memory
from allaprima.models.network_settings import MINIMUM_SIZE
from allaprima.out_of_memory import names_memory

from .cgroup_memory import free_in_groups


class PictureTooLargeError(MemoryError):
    """A picture needs more memory than there is; the message names a size that would fit."""


class WithinMemory:
    """A context that refuses what does not fit, and explains a runtime's errors of memory.

    Args:
        size: Number of pictures, their height and width.
        needed: Estimate of the bytes that they take.
        free: Returns the bytes that are free, or None where nothing tells.
        look_first: Refuse by the estimate. Linux kills a process that takes too much rather than
            tell it; a GPU tells.
    """

    def __init__(
        self, size: tuple[int, int, int], needed: int, free: Callable[[], int | None], *, look_first: bool
    ) -> None:
        self._size = size
        self._needed = needed
        self._free_memory = free
        self._look_first = look_first
        self._free: int | None = None

    def __enter__(self) -> None:
        """Raise PictureTooLargeError if the estimate is more than what is free."""
        self._free = self._free_memory()
        if self._look_first and self._free is not None and self._needed > self._free:
            give_back_freed_memory()  # of earlier pictures
            self._free = self._free_memory()
            if self._free is not None and self._needed > self._free:
                raise self._too_large()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Turn a runtime's error of memory into PictureTooLargeError."""
        if names_memory(error):
            raise self._too_large() from error

    def _too_large(self) -> PictureTooLargeError:
        count, height, width = self._size
        free, needed = self._free, self._needed
        # Where the estimate was too low, half of the memory is a fresh start.
        share = 0.5 if free is None or free >= needed else max(free, 0) / needed
        side = int(max(height, width) * share**0.5 * 0.97) // 10 * 10
        fitting = [max(1, round(length * side / max(height, width))) for length in (width, height)]
        pictures = "" if count == 1 else f"{count} pictures of "
        known = "" if free is None else f", {max(free, 0) / 1e9:.1f} GB are free"
        advice = f"{fitting[0]}x{fitting[1]} would fit: --max-side {side}"
        if side < MINIMUM_SIZE:
            advice = "no picture would fit: free memory, or give a larger --memory if you gave one"
        return PictureTooLargeError(
            f"{pictures}{width}x{height} needs about {needed / 1e9:.1f} GB{known}; {advice}"
        )


def free_memory() -> int:
    """Return the bytes that can still be had on the CPU: of the machine, and in every group around us."""
    limits = [int(psutil.virtual_memory().available), free_in_groups(), _free_addresses()]
    return max(0, min(limit for limit in limits if limit is not None))


def _free_addresses() -> int | None:
    """Return what a limit of this process's address space (`ulimit -v`) leaves.

    OpenVINO (2026.4) meets it without an error and returns a picture of garbage.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit - int(psutil.Process().memory_info().vms)
