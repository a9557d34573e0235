"""A small style, and exported files of it."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.fx.experimental import _config as symbolic_shapes

from allaprima.infer.export.export_style import export_style
from allaprima.infer.export.formats import Request
from allaprima.models.style_file import StyleHeader, load_style, save_style
from allaprima.models.transformer import TransformerNetwork


def header(width: int = 4, **export: Any) -> str:
    """Return what an exported file of the small style says of itself."""
    network = {"width": width, "residual_blocks": 0}
    return json.dumps(
        {"network": network, "style_name": "small", "export": {"precision": "float32", **export}}
    )


@pytest.fixture(scope="session")
def small_style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("small") / "small.safetensors"
    save_style(
        path, TransformerNetwork(width=4, residual_blocks=0), StyleHeader(style_name="small", style_sha256="")
    )
    return path


@pytest.fixture(scope="session")
def program(small_style: Path) -> torch.export.ExportedProgram:
    """The small style's network, exported for every size."""
    anything = torch.export.Dim.DYNAMIC
    network = load_style(small_style).network
    sizes = ({0: anything, 2: anything, 3: anything},)
    # Without this it is a program for sizes like the example's only.
    with symbolic_shapes.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        return torch.export.export(network, (torch.rand(2, 3, 35, 49),), dynamic_shapes=sizes)


@pytest.fixture(scope="session")
def onnx_file(program: torch.export.ExportedProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=["content_image"],
            output_names=["stylized_image"],
            verbose=False,
        )
    assert exported is not None
    model = exported.model_proto
    model.metadata_props.add(key="allaprima", value=header())
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def static_bytes_onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture a call, 32x24, as bytes, which stay as they are."""
    onnx = pytest.importorskip("onnx")
    content, painted = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, [1, 24, 32, 3])
        for name in ("content_image", "stylized_image")
    )
    node = onnx.helper.make_node("Identity", ["content_image"], ["stylized_image"])
    graph = onnx.helper.make_graph([node], "same", [content], [painted])
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.metadata_props.add(key="allaprima", value=header(width=1, uint8=True, static=[24, 32]))
    path: Path = tmp_path_factory.mktemp("static") / "small.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def openvino_file(onnx_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    openvino = pytest.importorskip("openvino")
    path = tmp_path_factory.mktemp("openvino") / "small.xml"
    model = openvino.convert_model(onnx_file)
    model.set_rt_info(header(), "allaprima")
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture(scope="session")
def pt2_file(small_style: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "small.pt2"
    export_style(small_style, Request("pt2"), [path])
    return path
