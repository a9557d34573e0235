"""A picture of one colour becomes one colour, the same in every precision and on every engine."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from allaprima.infer.engine_table import FORMATS
from allaprima.infer.engines import load_engine
from allaprima.infer.export.export_style import export_style
from allaprima.infer.export.formats import Request
from allaprima.infer.network.single_colour import flat_colour
from allaprima.models.style_file import load_style
from tests.conftest import ROOT

FLAT = np.stack(
    [np.full((67, 93, 3), colour, np.uint8) for colour in ((0, 0, 0), (255, 255, 255), (9, 80, 171))]
)


@pytest.fixture(scope="module")
def expected() -> NDArray[np.uint8]:
    return painted_in("great-wave")


def painted_in(style: str) -> NDArray[np.uint8]:
    painted = load_engine(Path(style), engine="eager", device="cpu", precision="float32")(FLAT)
    # float32 does it by itself, to one colour for all, and rounding may fall to either side
    assert abs(painted.astype(int) - painted[:1, :1, :1]).max() <= 1
    return painted


def floats(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def test_the_colour_is_that_of_large_pictures(expected: NDArray[np.uint8]) -> None:
    colour = flat_colour(load_style("great-wave").network) * 255
    assert abs(colour.numpy() - expected[0, 0, 0]).max() < 0.6


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision(precision: Literal["bfloat16", "float16"], expected: NDArray[np.uint8]) -> None:
    engine = load_engine(Path("great-wave"), engine="eager", device="cpu", precision=precision)
    assert abs(engine(FLAT).astype(int) - expected).max() <= 1
    painted = engine(floats(FLAT)) * 255
    assert abs(painted - expected.transpose(0, 3, 1, 2)).max() <= 1.5
    mixed = FLAT.copy()
    mixed[1] = np.random.default_rng(0).integers(0, 256, mixed[1].shape)  # others in the batch are left alone
    painted_bytes = engine(mixed)
    assert abs(painted_bytes[[0, 2]].astype(int) - expected[[0, 2]]).max() <= 1
    assert painted_bytes[1].std() > 20


def able(format: str, precision: str) -> None:
    for module in ("onnx", "onnxscript", "onnxruntime", *(["openvino"] if format == "openvino" else [])):
        pytest.importorskip(module)
    if precision == "bfloat16" and format == "openvino":
        from allaprima.infer.export.openvino_core import openvino_core

        if "BF16" not in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            pytest.skip("needs a CPU with bfloat16 arithmetic")


@pytest.mark.parametrize(
    ("format", "precision", "uint8", "style"),
    [
        ("openvino", "bfloat16", True, "great-wave"),
        pytest.param("openvino", "bfloat16", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("openvino", "int8", True, "great-wave", marks=pytest.mark.slow),
        pytest.param("onnx", "float16", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("onnx", "int8", True, "udnie", marks=pytest.mark.slow),
        ("pt2", "bfloat16", True, "great-wave"),
        pytest.param("pt2", "float16", False, "great-wave", marks=pytest.mark.slow),
    ],
)
def test_exported_graphs(format: Any, precision: Any, uint8: bool, style: str, tmp_path: Path) -> None:
    able(format, precision)
    calibration = ROOT / "docs" / "demo" / "photographs" if precision == "int8" else None
    request = Request(format, precision, uint8=uint8, calibration=calibration)
    path = tmp_path / f"style{FORMATS[format].suffix}"
    export_style(Path(style), request, FORMATS[format].files(path))
    painted = load_engine(path, device="cpu")(FLAT)
    assert abs(painted.astype(int) - painted_in(style)).max() <= 1
