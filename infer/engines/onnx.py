"""ONNX Runtime: no torch needed."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allaprima.infer.export.formats import Request
from allaprima.infer.export.onnx_contents import read_onnx_graph
from allaprima.infer.precision import PrecisionChoice

from .exported import ExportedEngine, Model, import_runtime, unreadable

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxEngine(ExportedEngine):
    """A .onnx file in ONNX Runtime; on CUDA where onnxruntime-gpu is installed."""

    # 829 bytes a pixel at width 32 and 1920x1080, 1294 at 512x512, 1458 at 2048x2048, as blocks happen to
    # be used again; onnxruntime 1.32 in float32.
    bytes_per_pixel_and_width = 44
    keeps_memory = True

    def _load(self, path: Path, device: str) -> Model:
        ort = import_runtime("onnxruntime", "onnx")
        providers = onnx_providers(device)
        self._look_at_graph(read_onnx_graph)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # its lines hold text of the file, raw; errors are raised, too
        # With it, a second picture of a size takes 1.6 times the memory, and no less time.
        options.enable_mem_pattern = False
        try:
            session = ort.InferenceSession(path, options, providers=providers)
        except Exception as error:  # its errors have no type of their own in common
            if "NOT_IMPLEMENTED" in str(error) and "bfloat16" in str(error):
                raise ValueError(
                    f"'{path}' is in bfloat16, which ONNX Runtime cannot do here; export it in float32, or "
                    "with --format openvino"
                ) from error
            raise unreadable(path, "ONNX Runtime", error) from error
        model_input, *more = session.get_inputs()
        if more:
            raise unreadable(path, "ONNX Runtime", ValueError("it takes more than pictures"))
        batch = model_input.shape[0] if isinstance(model_input.shape[0], int) else None

        def run(images: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(session.run(None, {model_input.name: images})[0])

        return Model(batch, run)


def conversion(device: str, precision: PrecisionChoice) -> Request:
    """Return how a style file is exported for ONNX Runtime, or raise ValueError if the device is absent."""
    onnx_providers(device)
    return Request("onnx", "float32" if precision == "auto" else precision, uint8=True)


def onnx_providers(device: str) -> list[Any]:
    """Return ONNX Runtime's names for a device, the fastest first, or raise ValueError."""
    available = import_runtime("onnxruntime", "onnx").get_available_providers()
    # Growing by what is asked for instead of doubling: as fast, and never twice the memory.
    cpu = (_PROVIDERS["cpu"], {"arena_extend_strategy": "kSameAsRequested"})
    if device == "auto":
        device = "cuda" if _PROVIDERS["cuda"] in available else "cpu"
    kind, _, index = device.partition(":")
    if _PROVIDERS.get(kind) not in available or not (index or "0").isdigit():
        present = [name for name, provider in _PROVIDERS.items() if provider in available]
        raise ValueError(
            f"device '{device}' is not available to ONNX Runtime here; it has: {', '.join(present)}"
        )
    return [cpu] if kind == "cpu" else [(_PROVIDERS["cuda"], {"device_id": int(index or 0)}), cpu]
