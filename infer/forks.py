"""What a forked process inherits of runtimes: none of their threads, which it must not wait for."""

import ctypes
import os
import sys
from functools import cache
from weakref import WeakSet

_running: WeakSet[object] = WeakSet()


def keep_when_forked(owner: object) -> None:
    """Let processes that are forked from now on keep an object and what it holds, even as they end.

    Dropping a session of ONNX Runtime or a model of OpenVINO in a process that inherited it hangs, as does
    the ordinary end of that process; painting with it does not.
    """
    _running.add(owner)


def refuse_late_fork(engine: str, work: str, after: str) -> None:
    """Raise RuntimeError in a process that was forked after an engine first came here, where it would hang.

    Args:
        engine: The engine, whose threads are its process's.
        work: What it cannot do there.
        after: What came before the fork.
    """
    if _first_process(engine) != os.getpid():
        raise RuntimeError(
            f"engine '{engine}' cannot {work} in a process that was forked after {after}; start processes by "
            "'spawn', or before that"
        )


@cache
def _first_process(engine: str) -> int:
    """Return which process asked first, of this one and those that it was forked from."""
    return os.getpid()


def _begin_alone() -> None:
    """Let PyTorch compute on one thread, and keep for ever what would wait for others as it ends."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    for owner in _running:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_alone)
