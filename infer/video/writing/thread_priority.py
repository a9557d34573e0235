"""Encoders that would take the machine for themselves, kept to the place of everybody else."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def priority_kept() -> Iterator[None]:
    """Give this thread, and those that begin meanwhile, the priority back that this one has before.

    For root, as in most containers, SVT-AV1 (4.1) gives its threads and the one that opens it real-time
    priority: whatever else runs on the machine then waits.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _threads()
    try:
        yield
    finally:
        for thread in {0, *_threads() - before}:
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    return {int(entry.name) for entry in Path("/proc/self/task").iterdir()}
