"""ONNX files: float32, true half precision, and int8 with the ends and the normalisations in float."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from allaprima.images.pixels import as_bytes
from allaprima.no_telemetry import import_without_telemetry

from .calibration_pictures import Batch
from .format_writer import FormatWriter
from .formats import Request
from .header import METADATA_KEY
from .onnx_opset import LOWEST_EXPORTED, to_opset
from .parity import Runner
from .torch_program import quiet_exporters

onnxruntime = import_without_telemetry("onnxruntime")
quantization = import_without_telemetry("onnxruntime.quantization")

INPUT, OUTPUT = "content_image", "stylized_image"


def write_onnx(program: ExportedProgram, request: Request, photographs: Sequence[Batch], path: Path) -> None:
    """Write an ONNX file; int8 measures its ranges on the photographs."""
    with quiet_exporters():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=request.opset and max(request.opset, LOWEST_EXPORTED),
            verbose=False,
        )
    assert exported is not None
    model = exported.model_proto
    if request.opset is not None:
        to_opset(model, request.opset)
    _name_sizes(model.graph, request)
    onnx.save(model, path)
    if request.precision == "int8":
        quantize(path, [as_input(batch, request) for batch in photographs], float_outputs=False)


def quantize(path: Path, inputs: Sequence[NDArray[Any]], *, float_outputs: bool) -> None:
    """Make the inner convolutions of an ONNX file int8, in place.

    The first and last convolution stay in float: they hold 1 % of the weights and cost 1 to 4 dB. So do
    those that enlarge, a tenth of the weights: transposed, they are faster in float than unfolded in eight
    bits, and followed by a blur, they and it cost 5 dB. So do the normalisations, whose sums over a
    whole picture eight bits cannot hold.

    Args:
        path: A float32 model.
        inputs: What its ranges are measured on.
        float_outputs: Leave what convolutions return in float, 15 dB better. ONNX Runtime then
            computes them in float, OpenVINO still in int8.
    """
    model = onnx.load(path)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    with _without_advice():
        quantization.quantize_static(
            model,
            path,
            _Reader(inputs),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[convolutions[0], convolutions[-1], *_before_enlargement(model.graph)],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Conv"] if float_outputs else []},
        )


def _before_enlargement(graph: Any) -> list[str]:
    """Return the names of convolutions whose results are enlarged, a blur between them among these."""
    made = {name: node for node in graph.node for name in node.output}
    names = []
    for resize in (node for node in graph.node if node.op_type == "Resize"):
        node = made.get(resize.input[0])
        while node is not None and node.op_type in ("Conv", "Pad"):
            if node.op_type == "Conv":
                names.append(node.name)
            node = made.get(node.input[0])
    return names


def run_onnx(path: Path, request: Request) -> Runner:
    """Return what carries out an ONNX file, on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def runner(pictures: NDArray[Any]) -> NDArray[Any]:
        (stylized,) = session.run([OUTPUT], {INPUT: pictures})
        return np.asarray(stylized)

    return runner


def stamp_onnx(path: Path, text: str) -> None:
    """Write the header into the metadata of an ONNX file."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    onnx.save(model, path)


def as_input(batch: Batch, request: Request) -> NDArray[Any]:
    """Return a batch as the model takes it."""
    return as_bytes(batch) if request.uint8 else batch


def _name_sizes(graph: Any, request: Request) -> None:
    """Call the sizes that vary by their names, and forget the formulas of those in between."""
    names = {0: "batch"}
    if request.static is None:
        names |= {1: "height", 2: "width"} if request.uint8 else {2: "height", 3: "width"}
    for value in (graph.input[0], graph.output[0]):
        for axis, name in names.items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    del graph.value_info[:]


class _Reader:
    """What the quantiser calls a CalibrationDataReader, told by its method."""

    def __init__(self, inputs: Sequence[NDArray[Any]]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the next picture, or None after the last."""
        pictures = next(self._inputs, None)
        return None if pictures is None else {INPUT: pictures}


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence the quantiser, which logs at the root that the model should be prepared (it is)."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


ONNX = FormatWriter(write_onnx, run_onnx, stamp_onnx)
