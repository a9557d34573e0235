"""Errors by which libraries say that memory does not suffice."""

from collections.abc import Iterator
from contextlib import contextmanager

from .terminal import one_line

# What PyTorch, ONNX Runtime, OpenVINO and the C++ library say, in small letters.
_MARKS = (
    "out of memory",
    "not enough memory",
    "defaultcpuallocator",
    "failed to allocate",
    "bad allocation",
    "bad_alloc",
)


def names_memory(error: BaseException | None) -> bool:
    """Return whether an error says that there is not enough memory."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, Exception) and any(mark in str(error).lower() for mark in _MARKS)


@contextmanager
def memory_advice(advice: str) -> Iterator[None]:
    """Turn such an error into a MemoryError that says what to do."""
    try:
        yield
    except Exception as error:
        if not names_memory(error):
            raise
        raise MemoryError(f"memory does not suffice ({one_line(error)[:200]}): {advice}") from error
