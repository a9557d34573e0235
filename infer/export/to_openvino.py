"""OpenVINO IR: made from ONNX, an .xml with its weights in a .bin."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.export import ExportedProgram

from allaprima.no_telemetry import import_without_telemetry

from .calibration_pictures import Batch
from .format_writer import FormatWriter
from .formats import Request
from .header import METADATA_KEY
from .openvino_core import core_that_loads, openvino_core
from .parity import Runner
from .to_onnx import as_input, quantize, write_onnx

openvino = import_without_telemetry("openvino")

_HINTS = {"bfloat16": "bf16"}


def check_openvino(request: Request) -> None:
    """Raise ValueError where this CPU cannot carry out, and so not check, what is requested."""
    if request.precision == "bfloat16":
        able = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if "BF16" not in able:
            raise ValueError(
                "this CPU has no bfloat16 units, so OpenVINO could not check a bfloat16 model; export "
                "--precision float32, which OpenVINO computes in bfloat16 by itself on CPUs that can"
            )


def write_openvino(
    program: ExportedProgram, request: Request, photographs: Sequence[Batch], path: Path
) -> None:
    """Write an IR. For float16 the weights are half; arithmetic is, as always there, the device's choice."""
    between = path.with_suffix(".onnx")
    write_onnx(program, replace(request, precision="float32"), (), between)
    if request.precision == "int8":
        quantize(between, [as_input(batch, request) for batch in photographs], float_outputs=True)
    openvino.save_model(
        openvino.convert_model(between), path, compress_to_fp16=request.precision == "float16"
    )
    between.unlink()


def run_openvino(path: Path, request: Request) -> Runner:
    """Return what carries out an IR on the CPU, in exactly the precision that it was made for."""
    hint = _HINTS.get(request.precision, "f32")
    model = core_that_loads().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint})

    def runner(pictures: NDArray[Any]) -> NDArray[Any]:
        return np.array(model(pictures)[0])

    return runner


def stamp_openvino(path: Path, text: str) -> None:
    """Write the header into the runtime information of an IR."""
    tree = ET.parse(path)
    root = tree.getroot()
    information = root.find("rt_info")
    if information is None:
        information = ET.SubElement(root, "rt_info")
    ET.SubElement(information, METADATA_KEY, value=text)
    tree.write(path, encoding="utf-8", xml_declaration=True)


OPENVINO = FormatWriter(write_openvino, run_openvino, stamp_openvino, check_openvino)
