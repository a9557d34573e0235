"""What cannot be exported or read is refused with the way out, and leaves nothing behind."""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from allaprima.infer.engine_table import FORMATS
from allaprima.infer.export import formats
from allaprima.infer.export.formats import Tolerance
from allaprima.infer.export.header import read_export_header
from tests.conftest import largest_file

from .conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--format onnx --precision bfloat16", "choose --precision float16, or --format openvino or pt2"),
        ("--format pt2 --precision int8", "only --format onnx and openvino have int8"),
        ("--format onnx --precision int8", "needs --calibration FOLDER"),
        ("--format onnx --calibration photos", "--calibration is for --precision int8"),
        ("--format onnx --static 12x400", "--static is 12x400; the smallest is 16x16"),
        ("--format onnx --static big", "expected height x width in pixels, such as 720x1280"),
        ("--format onnx --device cuda", "--device cuda is for --format aoti"),
        ("--format onnx --opset 14", "--opset is 14; it is for --format onnx, from 15 on"),
        ("--format onnx --opset 99", "--opset is 99; the newest that is known here is 2"),
        ("--format pt2 --opset 17", "--opset is 17; it is for --format onnx, from 15 on"),
        ("--format onnx -o wave.pt2", "output 'wave.pt2' does not fit --format onnx"),
        ("--format pt2 -o nowhere/wave.pt2", "there is no folder 'nowhere'"),
    ],
)
def test_impossible_request(run: Run, wave_style: Path, options: str, message: str) -> None:
    code, out, err = run(wave_style, *options.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_missing_extra(run: Run, wave_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for format in ("onnx", "openvino"):
        code, _, err = run(wave_style, "--format", format)
        assert code == 2
        assert f"needs onnxscript: pip install 'allaprima[{format}]'" in err


def test_missing_torch(run: Run, wave_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for format, needed in (
        ("pt2", "torch: pip install 'allaprima[train]'"),
        ("onnx", "torch, onnxscript: pip install 'allaprima[train,onnx]'"),
    ):
        code, _, err = run(wave_style, "--format", format)
        assert (code, err) == (2, f"error: --format {format} needs {needed}\n")


def test_missing_compiler(run: Run, wave_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    code, _, err = run(wave_style, "--format", "aoti")
    assert code == 2
    assert "install g++ or set CXX" in err


@pytest.mark.parametrize("name", ["wave.xml", "wave.bin"])
def test_earlier_output_is_kept(run: Run, wave_style: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    code, _, err = run(wave_style, "--format", "openvino", "-o", tmp_path / "wave.xml")
    assert code == 2
    assert "is there already: --overwrite replaces it" in err
    assert (tmp_path / name).read_text() == "mine"


def test_too_different_leaves_the_earlier_file(
    run: Run, wave_style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(formats.TOLERANCES, "float16", Tolerance(0, 0))
    path = tmp_path / "wave.pt2"
    path.write_text("earlier")
    code, out, err = run(
        wave_style,
        "--format",
        "pt2",
        "--precision",
        "float16",
        "-o",
        path,
        "--overwrite",
        "--static",
        "16x20",
    )
    assert (code, out) == (1, "")
    assert "the pt2 float16 file differs from the network: max " in err
    assert [item.read_text() for item in tmp_path.iterdir()] == ["earlier"]


def test_default_output_is_beside_the_style(tmp_path: Path) -> None:
    style = tmp_path / "wave.safetensors"
    names = {
        name: [file.name for file in formats.output_files(style, None, format, overwrite=False)]
        for name, format in FORMATS.items()
    }
    assert names == {
        "onnx": ["wave.onnx"],
        "openvino": ["wave.xml", "wave.bin"],
        "pt2": ["wave.pt2"],
        "aoti": ["wave.aoti.pt2"],
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_bad_picture_does_not_stop_calibration(
    run: Run, wave_style: Path, photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, path = tmp_path / "photographs", tmp_path / "small.onnx"
    shutil.copytree(photographs, folder)
    (folder / "0.jpg").write_bytes(b"text")
    arguments = ("--format", "onnx", "--precision", "int8", "--calibration", folder, "-o", path)
    assert run(wave_style, *arguments)[0] == 0
    assert read_export_header(path)["export"]["precision"] == "int8"
    bad = f"calibrating without a picture: picture '{folder / '0.jpg'}' cannot be read: it is not a picture"
    assert [message.startswith(bad) for message in caplog.messages if "calibrating" in message] == [True]


def test_missing_calibration_leaves_nothing(run: Run, wave_style: Path, tmp_path: Path) -> None:
    path = tmp_path / "wave.onnx"
    folder = tmp_path / "photographs"
    arguments = (wave_style, "--format", "onnx", "--precision", "int8", "--calibration", folder, "-o", path)
    code, _, err = run(*arguments)
    assert code == 2
    assert f"calibration folder '{folder}' does not exist" in err
    folder.mkdir()
    code, _, err = run(*arguments)
    assert code == 2
    assert f"no pictures in calibration folder '{folder}'" in err
    assert list(tmp_path.iterdir()) == [folder]


def onnx_bytes(header: str) -> bytes:
    """Return an ONNX file that holds an IR version and metadata."""

    def field(number: int, content: bytes) -> bytes:
        assert len(content) < 128
        return bytes([number << 3 | 2, len(content)]) + content

    entry = field(1, b"allaprima") + field(2, header.encode())
    return b"\x08\x0a" + field(2, b"torch") + field(14, entry)


def write_zip(path: Path, name: str, text: str) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, text)
    return path.read_bytes()


HEADER = json.dumps({"style_name": "wave", "export": {"uint8": False}})


def test_headers_are_read_without_the_runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "onnxruntime", "openvino", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "a.onnx").write_bytes(onnx_bytes(HEADER))
    write_zip(tmp_path / "a.pt2", "a/extra/allaprima.json", HEADER)
    write_zip(tmp_path / "a.aoti.pt2", "a/data/x_metadata.json", json.dumps({"allaprima": HEADER}))
    xml = f"<net><layers/><rt_info><allaprima value='{HEADER}'/></rt_info></net>"
    (tmp_path / "a.xml").write_text(xml)
    (tmp_path / "a.bin").touch()
    for name in ("a.onnx", "a.xml", "a.pt2", "a.aoti.pt2"):
        assert read_export_header(tmp_path / name) == json.loads(HEADER)


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2", ".aoti.pt2"])
def test_damaged_or_foreign_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_export_header(path)
    path.with_suffix(".bin").touch()
    whole = {
        ".onnx": onnx_bytes(HEADER),
        ".xml": b"<net><layers><layer><data offset='0' size='40'/></layer></layers></net>",
    }.get(suffix) or write_zip(path, "a/extra/allaprima.json", HEADER)
    contents = (b"", b"some text, which is no model at all", whole[: len(whole) // 2], whole[:-3])
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is cut short, damaged or no"):
            read_export_header(path)


def test_model_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x08\x0a\x12\x05torch")
    write_zip(tmp_path / "a.pt2", "a/data.pkl", "")
    (tmp_path / "a.xml").write_text("<net/>")
    (tmp_path / "a.bin").touch()
    for name in ("a.onnx", "a.pt2", "a.xml"):
        with pytest.raises(ValueError, match="is a model, but not one made by allaprima export"):
            read_export_header(tmp_path / name)
    (tmp_path / "a.bin").write_bytes(b"1234")
    (tmp_path / "a.xml").write_text("<net><layers><layer><data offset='0' size='40'/></layer></layers></net>")
    with pytest.raises(ValueError, match="has 4 of 40 bytes"):
        read_export_header(tmp_path / "a.xml")


@pytest.mark.parametrize("header", ["{", "[]", "{}"])
def test_header_that_says_nothing(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.onnx").write_bytes(onnx_bytes(header))
    with pytest.raises(ValueError, match="has a header that"):
        read_export_header(tmp_path / "a.onnx")


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"expected one of \.pt2, \.onnx, \.xml"):
        read_export_header(tmp_path / "a.txt")


@pytest.mark.parametrize(("format", "suffix"), [("pt2", ".pt2"), ("onnx", ".onnx"), ("openvino", ".xml")])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_full_disk_is_an_error_and_leaves_nothing(
    run: Run, wave_style: Path, tmp_path: Path, format: str, suffix: str
) -> None:
    options = ("--format", format, "--static", "16x16", "-o", tmp_path / f"a{suffix}")
    with largest_file(12_000):
        code, out, err = run(wave_style, *options)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_programs_hold_nothing_that_is_pickled(run: Run, wave_style: Path, tmp_path: Path) -> None:
    options = ("--format", "pt2", "--static", "16x16", "-o", tmp_path / "a.pt2")
    assert run(wave_style, *options)[0] == 0
    with zipfile.ZipFile(tmp_path / "a.pt2") as archive:
        pickles = [info for info in archive.infolist() if info.filename.endswith((".pt", ".pkl"))]
        assert [info.file_size for info in pickles] == [0]
