"""The one OpenVINO core of a process."""

from functools import cache
from typing import Any

from allaprima.infer.forks import refuse_late_fork
from allaprima.no_telemetry import import_without_telemetry


@cache
def openvino_core() -> Any:
    """Return the core, made at the first call and kept to the end.

    OpenVINO's CPU plugin gives the thread a stack for signals. Of several cores whose lives overlap, the
    last to go puts the first one's back, which is freed by then (OpenVINO 2026.4), and the next signal,
    such as Ctrl-C, ends Python with a segmentation fault. One core that stays does no harm.

    Raises:
        ImportError: If OpenVINO is not installed.
    """
    return import_without_telemetry("openvino").Core()


def core_that_loads() -> Any:
    """Return the core for whoever makes a model ready.

    OpenVINO makes a model ready on the thread of one that was dropped before, where there is one. A process
    that inherited such an idle thread inherited its name only, and waits for it for ever (2026.4).

    Raises:
        ImportError: If OpenVINO is not installed.
        RuntimeError: In a process that was forked after this was first called.
    """
    refuse_late_fork("openvino", "load a style", after="it had loaded one")
    return openvino_core()
