"""Painting asks no server and leaves no identifier, whatever its runtimes would do by themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAINT = """
import sys, numpy
from allaprima.infer.engines import load_engine
engine = load_engine(__import__("pathlib").Path(sys.argv[1]))
engine(numpy.zeros((1, 24, 32, 3), numpy.uint8))
"""


@pytest.mark.parametrize("file", ["static_bytes_onnx_file", "openvino_file"])
def test_painting_opens_no_socket(file: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(file)
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    variables |= {"HOME": str(home), "ALLAPRIMA_CACHE": str(tmp_path / "cache")}
    watch = ["strace", "-f", "-e", "trace=socket,connect", "-o", str(trace)] if shutil.which("strace") else []
    subprocess.run([*watch, sys.executable, "-c", PAINT, str(model)], env=variables, check=True)
    assert not list(home.rglob("*"))
    if watch:
        assert "AF_INET" not in trace.read_text()
