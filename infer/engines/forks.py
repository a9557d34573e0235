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


@cache
def process_that_compiles() -> int:
    """Return the process that asked first, of this one and those it was forked from."""
    return os.getpid()


def _begin_alone() -> None:
    """Let PyTorch compute on one thread, and keep for ever what would wait for others as it ends."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    for owner in _running:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_alone)
