"""What is known of an export beforehand is what its runtime makes then; and every export passes."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allaprima.infer.export.formats import Request
from allaprima.infer.export.graph.graph import Graph
from allaprima.infer.export.graph.limits import GraphLimits
from allaprima.infer.export.graph.parts import Shape, Value
from allaprima.infer.export.onnx_contents import read_onnx_graph
from allaprima.infer.export.openvino_contents import read_openvino_graph
from allaprima.infer.export.torch_program import make_program
from allaprima.infer.precision import Precision
from allaprima.models.network_presets import NETWORKS
from allaprima.models.transformer import TransformerNetwork

SIZES = [(1, 16, 16), (2, 37, 50), (1, 64, 72)]


def values_of(graph: Graph, shape: Shape) -> dict[str, Value]:
    """Return what is known of every result."""
    values: dict[str, Value] = {**graph.constants, graph.picture: Value(shape)}
    for node in graph.nodes:
        values.update(zip(node.outputs, graph.results_of(node, values), strict=True))
    return values


@pytest.mark.parametrize("size", SIZES)
def test_onnx_runtime_makes_what_is_known_beforehand(onnx_file: Path, size: tuple[int, int, int]) -> None:
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    shape = (size[0], 3, *size[1:])
    known = values_of(read_onnx_graph(onnx_file), shape)
    model = onnx.load(onnx_file)
    names = [name for node in model.graph.node for name in node.output]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    pictures = np.random.default_rng(0).random(shape, np.float32)
    made = dict(zip(names, session.run(names, {"content_image": pictures}), strict=True))
    assert len(made) > 40
    assert {name: made[name].shape for name in names} == {name: known[name].shape for name in names}
    followed = [name for name in names if known[name].numbers is not None]
    assert len(followed) > 15
    for name in followed:
        assert tuple(made[name].ravel().tolist()) == known[name].numbers, name


@pytest.mark.parametrize("size", SIZES)
def test_openvino_makes_what_is_known_beforehand(openvino_file: Path, size: tuple[int, int, int]) -> None:
    openvino = pytest.importorskip("openvino")
    shape = (size[0], 3, *size[1:])
    graph = read_openvino_graph(openvino_file)
    known = values_of(graph, shape)
    expected = Counter(
        (node.operator.lower(), known[name].shape) for node in graph.nodes for name in node.outputs
    )
    model: Any = openvino.Core().read_model(openvino_file)
    model.reshape(list(shape))
    made = Counter(
        (operator.get_type_name().lower(), tuple(output.shape))
        for operator in model.get_ordered_ops()
        for output in operator.outputs()
        if operator.get_type_name() not in ("Constant", "Parameter", "Result")
    )
    assert made == expected
    assert sum(made.values()) > 40


def all_networks() -> list[dict[str, Any]]:
    """Return the settings of a small network of every kind."""
    kinds = [
        {"end_stride": stride, "skip_connection": skip, "upsampling": upsampling}
        for stride in (1, 2)
        for skip in (False, True)
        for upsampling in ("nearest", "bilinear")
    ]
    return [{"width": 4, "residual_blocks": 1, **kind} for kind in kinds]


def check(path: Path, request: Request, network: TransformerNetwork) -> None:
    """Look at an exported file as engines do."""
    read = read_onnx_graph if path.suffix == ".onnx" else read_openvino_graph
    limits = GraphLimits(read(path), network.settings, uint8=request.uint8, static=request.static)
    for size in [(1, *request.static)] if request.static else SIZES:
        limits.require(*size)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("uint8", [False, True])
@pytest.mark.parametrize(
    "settings", [*all_networks(), *(network.model_dump() for network in NETWORKS.values())], ids=str
)
def test_every_export_passes(settings: dict[str, Any], uint8: bool, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    openvino = pytest.importorskip("openvino")
    from allaprima.infer.export.to_onnx import quantize, write_onnx

    network = TransformerNetwork(**settings).eval()
    rng = np.random.default_rng(0)
    for static in (None, (37, 50)):
        picture = (1, *(static or (48, 48)), 3) if uint8 else (1, 3, *(static or (48, 48)))
        batch = rng.integers(0, 256, picture).astype(np.uint8) if uint8 else rng.random(picture, np.float32)
        versions: list[tuple[Precision, int | None]] = [("float32", None), ("float16", 15)]
        for precision, opset in versions:
            request = Request("onnx", precision, static=static, uint8=uint8, opset=opset)
            path = tmp_path / "style.onnx"
            write_onnx(make_program(network, request), request, (), path)
            check(path, request, network)
            if precision == "float16":
                continue
            for compress in (False, True):
                openvino.save_model(
                    openvino.convert_model(path), tmp_path / "a.xml", compress_to_fp16=compress
                )
                check(tmp_path / "a.xml", request, network)
            for float_outputs in (False, True):
                quantized = tmp_path / "int8.onnx"
                quantized.write_bytes(path.read_bytes())
                quantize(quantized, [batch], float_outputs=float_outputs)
                check(quantized, request, network)
            openvino.save_model(openvino.convert_model(quantized), tmp_path / "a.xml", compress_to_fp16=False)
            check(tmp_path / "a.xml", request, network)
