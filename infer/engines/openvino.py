"""OpenVINO: no torch needed."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allaprima.infer.export.formats import Request
from allaprima.infer.export.openvino_contents import read_openvino_graph
from allaprima.infer.export.openvino_core import core_that_loads, openvino_core
from allaprima.infer.precision import PrecisionChoice

from .exported import ExportedEngine, Model, import_runtime, unreadable

# By itself OpenVINO computes in bfloat16 wherever the processor can.
_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "int8": "f32"}


# OpenVINO prepares each layer anew for every size and keeps 5000 of them: over 400 sizes a process grew
# from 116 to 352 MB, with this from 115 to 160 MB in the same time.
PREPARED = 32


class OpenVinoEngine(ExportedEngine):
    """An OpenVINO model, .xml with its .bin, computed in the precision that it was exported with."""

    # 324 bytes a pixel at width 32 and 1920x1080, 334 at 512x512; OpenVINO 2026.4 in float32.
    bytes_per_pixel_and_width = 9
    keeps_memory = True

    def _load(self, path: Path, device: str) -> Model:
        target, core = openvino_device(device), openvino_core()
        self._look_at_graph(read_openvino_graph)
        try:
            model = core.read_model(path)
        except RuntimeError as error:
            raise unreadable(path, "OpenVINO", error) from error
        hints = {"PERFORMANCE_HINT": "LATENCY"}
        if target == "CPU":
            hints["CPU_RUNTIME_CACHE_CAPACITY"] = str(PREPARED)
            hints["INFERENCE_PRECISION_HINT"] = _HINTS.get(self._header.export.precision, "f32")
        try:
            compiled = core.compile_model(model, target, hints)
        except RuntimeError as error:
            raise unreadable(path, "OpenVINO", error) from error
        count, turn = compiled.input(0).partial_shape[0], Lock()

        def run(images: NDArray[Any]) -> NDArray[Any]:
            with turn:  # threads may share an engine, and its results lie where the next one's will
                stylized = np.array(compiled(images)[0])
            if stylized.shape != images.shape:  # an earlier picture's: it says nothing of a failed allocation
                raise MemoryError("OpenVINO failed to allocate memory")
            return stylized

        return Model(count.get_length() if count.is_static else None, run)


def conversion(device: str, precision: PrecisionChoice) -> Request:
    """Return how a style file is exported for OpenVINO.

    Raises:
        RuntimeError: In a process that was forked after a style was loaded.
        ValueError: If the device is absent.
    """
    openvino_device(device)
    if precision == "auto":
        precision = "bfloat16" if computes_bfloat16() else "float32"
    return Request("openvino", precision, uint8=True)


def computes_bfloat16() -> bool:
    """Return whether OpenVINO is installed, and this CPU has arithmetic for bfloat16."""
    try:
        return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError):
        return False


def openvino_device(device: str) -> str:
    """Return OpenVINO's name of a device that a style can be loaded on.

    Raises:
        RuntimeError: In a process that was forked after a style was loaded.
        ValueError: If there is none, or OpenVINO is not installed.
    """
    import_runtime("openvino", "openvino")
    available = core_that_loads().available_devices
    wanted = "CPU" if device == "auto" else device.upper()
    if wanted not in available:
        present = ", ".join(name.lower() for name in available)
        raise ValueError(f"device '{device}' is not available to OpenVINO here; it has: {present}")
    return wanted
