"""ONNX Runtime and OpenVINO, which report their use over the network, imported so that they do not."""

import importlib
import os
import sys
from typing import Any


def import_without_telemetry(module: str) -> Any:
    """Import a runtime, or a module of it; it then asks no server and writes no identifier.

    ONNX Runtime (1.32, also on Linux) reads a variable of the environment; whoever sets that decides.
    OpenVINO takes a stub where its package for reports is not installed, and is told here that it is not.

    Raises:
        ImportError: If it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    reports = "openvino_telemetry"
    if reports in sys.modules:
        return importlib.import_module(module)
    sys.modules[reports] = None  # type: ignore[assignment]  # which makes importing it fail
    try:
        return importlib.import_module(module)
    finally:
        del sys.modules[reports]
