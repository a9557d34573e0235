"""`allaprima bench infer`: what it reports, and what it does with what cannot run."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima import __main__
from allaprima.infer.bench.benchmark import Case
from allaprima.infer.bench.measure_case import make_pictures, measure_case

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")

ROW = {
    *("engine", "precision", "height", "width", "batch", "median_ms", "p95_ms", "images_per_second"),
    *("peak_memory_bytes", "mean_error"),
}


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["allaprima", "bench", "infer", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_report(
    small_style: Path,
    onnx_file: Path,
    static_bytes_onnx_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of two engines that run, and a file that takes another size."""
    files = ("--json", tmp_path / "bench.json", "--plot", tmp_path / "bench.png")
    options = ("--engines", "onnx", "--sizes", "40x24", "--repeats", 3, "--warmup", 1, "--device", "cpu")
    code = bench(monkeypatch, small_style, onnx_file, static_bytes_onnx_file, *options, *files)
    out, err = capsys.readouterr()
    assert code == 1
    assert "error: onnx at 40x24 ('small.onnx')" in err
    assert "takes pictures of 32x24 pixels only" in err
    assert "threads" in out
    report = json.loads((tmp_path / "bench.json").read_text())
    assert {"machine", "threads", "torch", "onnxruntime"} <= report.keys()
    plain, onnx = report["results"]
    assert (plain["engine"], plain["mean_error"]) == ("plain", 0)
    assert (onnx["engine"], onnx["precision"], onnx["height"], onnx["width"]) == ("onnx", "float32", 24, 40)
    assert onnx.keys() >= ROW
    assert 0 < onnx["median_ms"] <= onnx["p95_ms"]
    assert onnx["images_per_second"] == pytest.approx(1000 / onnx["median_ms"])
    assert onnx["ratio"] == pytest.approx(plain["median_ms"] / onnx["median_ms"])
    assert onnx["mean_error"] < 1e-4
    assert 20e6 < onnx["peak_memory_bytes"] < plain["peak_memory_bytes"]  # which has imported torch
    with Image.open(tmp_path / "bench.png") as image:
        assert image.width > 400


def test_error_is_the_mean_difference(small_style: Path, tmp_path: Path) -> None:
    case = Case(str(small_style), "eager", "float32", "cpu", 20, 30, 2, 1, 1, str(tmp_path / "plain.npy"))
    np.save(case.reference, np.zeros((2, 3, 20, 30), np.float32))
    first = measure_case(case)["mean_error"]
    np.save(case.reference, np.ones((2, 3, 20, 30), np.float32))
    assert first + measure_case(case)["mean_error"] == pytest.approx(1, abs=1e-5)


def test_pictures_are_always_the_same() -> None:
    pictures = make_pictures(2, 20, 30)
    assert pictures.shape == (2, 20, 30, 3)
    assert (pictures == make_pictures(2, 20, 30)).all()
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.style"], "file 'none.style' does not exist"),
        (["STYLE", "none.onnx"], "file 'none.onnx' does not exist"),
        (["ONNX"], "is an exported file; the first is the style file"),
        (["STYLE", "--sizes", "512"], "size '512' is not one; expected WxH"),
        (["STYLE", "--sizes", "512x8"], "size '512x8' is too small"),
        (["STYLE", "--engines", "tensorrt"], "unknown engine 'tensorrt'; expected eager, compiled, onnx"),
        (["STYLE", "--precisions", "int4"], "unknown precision 'int4'; expected float32"),
        (["STYLE", "--json", "none/bench.json"], "there is no folder 'none'"),
        (["STYLE", "--plot", "a.bmp"], "cannot write 'a.bmp': suffix must be one of .png, .svg, .pdf"),
    ],
)
def test_mistakes_end_with_code_2(
    arguments: list[str],
    message: str,
    small_style: Path,
    static_bytes_onnx_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {"STYLE": str(small_style), "ONNX": str(static_bytes_onnx_file)}
    assert bench(monkeypatch, *(names.get(word, word) for word in arguments)) == 2
    assert message in capsys.readouterr().err
