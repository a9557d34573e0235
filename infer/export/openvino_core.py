"""The one OpenVINO core of a process."""

from functools import cache
from typing import Any

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
