"""A picture without contrast becomes the style's colour of its brightness, in every precision and engine."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from allaprima.infer.engine_table import FORMATS
from allaprima.infer.engines import load_engine
from allaprima.infer.engines.compiled import has_compiler
from allaprima.infer.export.export_style import export_style
from allaprima.infer.export.formats import Request
from allaprima.infer.tiles.feature_maps import MemoryMap
from allaprima.infer.tiles.tiled_network import TiledNetwork
from allaprima.models.style_file import load_style
from tests.conftest import ROOT

SIZE = (67, 93, 3)


def pages() -> NDArray[np.uint8]:
    """Return pictures with a standard deviation of at most half a level, as bytes, `(B, H, W, 3)`."""
    rng = np.random.default_rng(0)
    plain = [np.full(SIZE, colour, np.uint8) for colour in ((0, 0, 0), (255, 255, 255), (9, 80, 171))]
    step, grain, odd, corner = (np.full(SIZE, 245, np.uint8) for _ in range(4))
    step[:, 40:] += 1
    grain += rng.integers(0, 2, SIZE, np.uint8)
    odd[30, 40] = 244
    corner[0, 0] = 214
    return np.stack([*plain, step, grain, odd, corner])


PAGES = pages()


@pytest.fixture(scope="module")
def expected() -> NDArray[np.uint8]:
    return painted_in("great-wave")


def painted_in(style: str) -> NDArray[np.uint8]:
    painted = load_engine(Path(style), engine="eager", device="cpu", precision="float32")(PAGES)
    assert (painted == painted[:, :1, :1]).all()
    return painted


def floats(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def ordinary() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)


def test_bright_pages_stay_bright(expected: NDArray[np.uint8]) -> None:
    black, white, blue, step, *_ = expected.reshape(len(PAGES), -1).mean(1)
    assert black + 40 < blue < step < white
    assert white > black + 100


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_contrast_comes_back_little_by_little(precision: Literal["float32", "bfloat16"]) -> None:
    engine = load_engine(Path("great-wave"), engine="eager", device="cpu", precision=precision)
    shape = np.sin(np.arange(93) / 9)[:, None] + np.cos(np.arange(67) / 7)[:, None, None]
    shape = (shape - shape.mean()) / shape.std() * np.ones(3)
    spread = []
    for deviation in (0.6, 1.5, 2.5, 4.5, 20):
        page = floats(np.zeros((1, *SIZE), np.uint8))
        page[0] = (0.5 + shape * deviation / 255).transpose(2, 0, 1)
        spread.append(float(engine(page).std((2, 3)).mean() * 255))
    assert spread[0] < 3
    assert spread[-1] > 30
    assert spread[3] > 0.8 * spread[-1]
    assert sorted(spread[:4]) == spread[:4]
    assert max(np.diff(spread[:4])) < 0.6 * spread[3]


def test_ordinary_pictures_are_what_the_network_paints() -> None:
    network = load_style("great-wave").network
    pictures = ordinary()[None]
    dim = (120 + pictures // 16).astype(np.uint8)  # a standard deviation of 4.6 levels
    engine = load_engine(Path("great-wave"), engine="eager", device="cpu", precision="float32")
    for given in (pictures, dim):
        with torch.no_grad():
            wanted = network(torch.from_numpy(floats(given))).numpy()
        assert abs(engine(floats(given)) - wanted).max() < 2e-5
        assert abs(engine(given) - 255 * wanted.transpose(0, 2, 3, 1)).max() < 0.51


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision(precision: Literal["bfloat16", "float16"], expected: NDArray[np.uint8]) -> None:
    engine = load_engine(Path("great-wave"), engine="eager", device="cpu", precision=precision)
    assert abs(engine(PAGES).astype(int) - expected).max() <= 1
    assert abs(engine(floats(PAGES)) * 255 - expected.transpose(0, 3, 1, 2)).max() <= 1.5
    mixed = PAGES.copy()
    mixed[1] = ordinary()  # others in the batch are left alone
    painted = engine(mixed)
    assert abs(painted[[0, 2]].astype(int) - expected[[0, 2]]).max() <= 1
    assert painted[1].std() > 20


@pytest.mark.slow
@pytest.mark.timeout(1200)  # minutes where a core is shared
@pytest.mark.skipif(not has_compiler(), reason="needs a C++ compiler")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_compiled(precision: Literal["float32", "bfloat16"], expected: NDArray[np.uint8]) -> None:
    engine = load_engine(Path("great-wave"), engine="compiled", device="cpu", precision=precision)
    assert abs(engine(PAGES).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tiles(dtype: torch.dtype, expected: NDArray[np.uint8], tmp_path: Path) -> None:
    network = TiledNetwork(load_style("great-wave").network, device="cpu", dtype=dtype)
    for page, wanted in zip(PAGES, expected, strict=True):
        for target, white in ((torch.zeros(SIZE, dtype=torch.uint8), 1), (torch.zeros(SIZE), 255)):
            for _ in network.stylize(
                MemoryMap(torch.from_numpy(page)), MemoryMap(target), side=32, scratch=tmp_path
            ):
                pass
            assert abs(target.numpy() * white - wanted.astype(float)).max() <= 1


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
        pytest.param("onnx", "float32", True, "great-wave", marks=pytest.mark.slow),
        pytest.param("onnx", "float32", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("openvino", "float32", True, "great-wave", marks=pytest.mark.slow),
        pytest.param("openvino", "bfloat16", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("openvino", "float16", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("openvino", "int8", True, "great-wave", marks=pytest.mark.slow),
        pytest.param("onnx", "float16", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("onnx", "int8", True, "udnie", marks=pytest.mark.slow),
        pytest.param("pt2", "bfloat16", True, "great-wave", marks=pytest.mark.slow),
        pytest.param("pt2", "float32", False, "great-wave", marks=pytest.mark.slow),
        pytest.param("pt2", "float16", False, "great-wave", marks=pytest.mark.slow),
    ],
)
def test_exported_graphs(format: Any, precision: Any, uint8: bool, style: str, tmp_path: Path) -> None:
    able(format, precision)
    calibration = ROOT / "docs" / "demo" / "photographs" if precision == "int8" else None
    request = Request(format, precision, uint8=uint8, calibration=calibration)
    path = tmp_path / f"style{FORMATS[format].suffix}"
    export_style(Path(style), request, FORMATS[format].files(path))
    painted = load_engine(path, device="cpu")(PAGES)
    assert abs(painted.astype(int) - painted_in(style)).max() <= 1
