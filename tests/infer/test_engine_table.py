"""One record an engine: everything in it is there, and a new one needs nothing else."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from allaprima.infer import engine_table
from allaprima.infer.engine_table import (
    ENGINES,
    FORMATS,
    EngineRecord,
    engines_of,
    format_of,
    is_style_file,
    resolve,
)
from allaprima.infer.engines import load_engine
from allaprima.infer.export.formats import Request, check_request
from tests.conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")


@pytest.mark.parametrize("name", ENGINES)
def test_all_places_are_there(name: str) -> None:
    record = ENGINES[name]
    places = [record.load_style, record.conversion, record.load_exported]
    assert record.load_style or record.conversion
    if record.format:
        places += [record.format.header, record.format.recognize]
        if all(find_spec(package) for package in record.format.packages):
            places.append(record.format.writer)
    for place in filter(None, places):
        assert resolve(place) is not None


def test_choices_are_the_records(run: Run) -> None:
    assert get_args(engine_table.EngineChoice) == ("auto", *ENGINES)
    assert get_args(engine_table.FormatName) == tuple(FORMATS)
    for command, names in (("stylize", ENGINES), ("export", FORMATS)):
        _, help_text, _ = run(command, "--help")
        assert all(name in help_text for name in names)


def test_style_files_and_others(pt2_file: Path) -> None:
    assert [
        is_style_file(Path(name)) for name in ("a.safetensors", "great-wave", "a.ONNX", "a.aoti.pt2")
    ] == [
        True,
        True,
        False,
        False,
    ]
    assert engines_of(Path("a.safetensors")) == tuple(ENGINES.values())
    assert engines_of(Path("a.ONNX")) == (ENGINES["onnx"],)
    assert engines_of(Path("a.xml")) == (ENGINES["openvino"],)
    assert (engines_of(pt2_file), format_of(pt2_file)) == ((ENGINES["eager"],), FORMATS["pt2"])
    assert [file.name for file in FORMATS["openvino"].files(Path("a.xml"))] == ["a.xml", "a.bin"]
    with pytest.raises(ValueError, match="is not an exported model"):
        format_of(Path("a.txt"))


def test_a_new_engine_is_its_file_and_a_record(
    small_style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror_engine.py").write_text(
        """
from allaprima.infer.engines.protocol import BaseEngine
from allaprima.models.style_file import read_header

class MirrorEngine(BaseEngine):
    def __init__(self, path, *, device, precision):
        super().__init__(1, read_header(path).network, "float32")

    def _run(self, content_images):
        return content_images[:, :, ::-1].copy()
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    record = EngineRecord("mirror", "left is right", "numpy", load_style="mirror_engine:MirrorEngine")
    monkeypatch.setitem(ENGINES, "mirror", record)
    picture = np.random.default_rng(0).integers(0, 256, (1, 16, 20, 3), dtype=np.uint8)
    assert (load_engine(small_style, engine="mirror")(picture) == picture[:, :, ::-1]).all()
    with pytest.raises(ValueError, match=r"unknown engine 'miror'; expected .*\(did you mean mirror\?\)"):
        load_engine(small_style, engine="miror")


def test_int8_is_for_exported_files(small_style: Path) -> None:
    with pytest.raises(ValueError, match="allaprima export --precision int8"):
        load_engine(small_style, engine="eager", precision="int8")
    with pytest.raises(ValueError, match=r"unknown format 'onx'; expected .*did you mean onnx"):
        check_request(Request("onx"))


def test_the_table_imports_no_runtime() -> None:
    program = """
import sys
import allaprima.infer.engine_table
heavy = {"torch", "onnx", "onnxruntime", "openvino", "numpy", "PIL", "pydantic"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
