"""Each format and precision that this machine can run, in its own runtime at sizes not checked before."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from allaprima.infer.engine_table import FORMATS, FormatName
from allaprima.infer.engines import load_engine
from allaprima.infer.export.formats import Request
from allaprima.infer.export.header import read_export_header
from allaprima.infer.export.torch_program import make_program
from allaprima.models.style_file import load_style
from allaprima.models.transformer import TransformerNetwork

from .conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")

ROOT = Path(__file__).parents[3]
STATIC = (37, 50)
CASES: list[tuple[FormatName, str, tuple[str, ...]]] = [
    ("onnx", "float32", ("--static", "37x50", "--opset", "15")),
    ("onnx", "float16", ("--opset", "22", "--uint8")),
    ("onnx", "int8", ("--opset", "17", "--uint8")),
    ("openvino", "float32", ("--static", "37x50", "--uint8")),
    ("openvino", "float16", ("--static", "37x50")),
    ("openvino", "int8", ("--static", "37x50")),
    ("pt2", "float32", ("--static", "37x50")),
    ("pt2", "float16", ("--static", "37x50", "--uint8")),
    ("pt2", "bfloat16", ("--static", "37x50")),
]
STYLES = [("wave_style", *case) for case in CASES] + [
    ("fast_style", "onnx", "float32", ()),
    ("fast_style", "openvino", "int8", ("--uint8",)),
    ("fast_style", "pt2", "float32", ("--uint8",)),
]
ALONE = [
    ("wave_style", "onnx", "float32", ()),
    ("wave_style", "onnx", "float32", ("--static", "37x50")),
    ("wave_style", "onnx", "float32", ("--opset", "15")),
    ("wave_style", "onnx", "float16", ("--opset", "22")),
    ("wave_style", "onnx", "float16", ("--uint8",)),
    ("wave_style", "onnx", "int8", ("--uint8",)),
    ("fast_style", "onnx", "float32", ("--opset", "16")),
]
"""What the others have together: which of it a fault lies in."""
MEAN_ERROR = {"float32": 1e-5, "float16": 1e-3, "bfloat16": 8e-3, "int8": 0.015}


def runner_of(path: Path, format: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Load the file as the documentation tells people to; return what paints pictures with it."""
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        return lambda pictures: np.asarray(session.run(["stylized_image"], {"content_image": pictures})[0])
    if format == "openvino":
        import openvino

        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda pictures: np.array(compiled({"content_image": pictures})["stylized_image"])
    if format == "pt2":
        model: Any = torch.export.load(path).module()
    else:
        model = torch._inductor.aoti_load_package(str(path))
    return lambda pictures: model(torch.from_numpy(pictures)).numpy()


def check(style: Path, path: Path, format: str, precision: str, static: bool, uint8: bool) -> None:
    """Compare with the eager network."""
    network, runner = load_style(style).network, runner_of(path, format)
    engine = None if format == "aoti" else load_engine(path)  # machine code needs trust
    rng = np.random.default_rng(5)
    sizes = [STATIC] if static else [(45, 31), (16, 17), (66, 80)]
    for batch, (height, width) in zip((2, 1, 3), sizes, strict=False):
        pixels = rng.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
        floats = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
        with torch.inference_mode():
            expected = network(torch.from_numpy(floats)).numpy()
        given = pixels if uint8 else floats
        stylized = runner(given)
        if engine is not None:
            assert engine(given).shape == given.shape
        if uint8:
            assert stylized.dtype == np.uint8
            stylized = stylized.transpose(0, 3, 1, 2).astype(np.float32) / 255
        assert stylized.shape == expected.shape
        assert np.abs(stylized - expected).mean() < MEAN_ERROR[precision] + 0.26 / 255 * uint8


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch")
@pytest.mark.parametrize(
    ("style_name", "format", "precision", "options"),
    [*STYLES, *(pytest.param(*case, marks=pytest.mark.slow) for case in ALONE)],
    ids=str,
)
def test_exported_file_equals_the_network(
    style_name: str,
    format: FormatName,
    precision: str,
    options: tuple[str, ...],
    run: Run,
    request: pytest.FixtureRequest,
    photographs: Path,
    tmp_path: Path,
) -> None:
    style: Path = request.getfixturevalue(style_name)
    path = tmp_path / f"wave{FORMATS[format].suffix}"
    more = ("--calibration", photographs) if precision == "int8" else ()
    code, out, err = run(style, "--format", format, "--precision", precision, "-o", path, *options, *more)
    assert (code, err) == (0, "")
    assert out.startswith("compared with the network: max ")
    static, uint8 = "--static" in options, "--uint8" in options
    files = {path, path.with_suffix(".bin")} if format == "openvino" else {path}
    assert set(tmp_path.iterdir()) == files
    header = read_export_header(path)
    assert header["style_name"] == "wave"
    exported = header["export"]
    assert (exported["format"], exported["precision"]) == (format, precision)
    assert (exported["static"], exported["uint8"]) == (list(STATIC) if static else None, uint8)
    assert exported["mean_error"] <= exported["max_error"]
    assert exported["psnr"] > 30
    assert "torch" in exported["versions"]
    check(style, path, format, precision, static, uint8)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_compiled_package_equals_the_network(run: Run, wave_style: Path, tmp_path: Path) -> None:
    path = tmp_path / "wave.aoti.pt2"
    code, _, _ = run(wave_style, "--format", "aoti", "-o", path)
    assert code == 0
    assert read_export_header(path)["export"]["format"] == "aoti"
    check(wave_style, path, "aoti", "float32", static=False, uint8=False)


def test_documented_snippet_works(
    run: Run, wave_style: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (snippet,) = (snippet for snippet in snippets if "import onnxruntime" in snippet)
    monkeypatch.chdir(tmp_path)
    assert run(wave_style, "--format", "onnx", "-o", "great-wave.onnx")[0] == 0
    shutil.copy(photographs / "03.jpg", "photograph.jpg")
    exec(snippet, {})
    with Image.open("photograph.jpg") as photograph, Image.open("painted.png") as painted:
        assert painted.size == photograph.size


def test_what_is_enlarged_stays_in_float(tmp_path: Path) -> None:
    """The upsampling convolution and the blur behind it: in eight bits they cost 5 dB."""
    onnx = pytest.importorskip("onnx")
    from allaprima.infer.export.to_onnx import quantize, write_onnx

    torch.manual_seed(0)
    network = TransformerNetwork(width=4, residual_blocks=1, upsampling="bilinear").eval()
    request = Request("onnx", "float32", static=(32, 32))
    path = tmp_path / "a.onnx"
    write_onnx(make_program(network, request), request, (), path)
    quantize(path, [np.random.default_rng(0).random((1, 3, 32, 32), np.float32)], float_outputs=False)
    graph = onnx.load(path).graph
    given = {value.name for value in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    in_float = [node for node in convolutions if node.input[1] in given]
    assert len(convolutions) - len(in_float) == 4  # two that reduce, and those of the residual block
    assert len(in_float) == 6
