"""What can be exported: formats, precisions, and how far each may be from the network; light."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from .header import AOTI_SUFFIX

Format = Literal["onnx", "openvino", "pt2", "aoti"]
Precision = Literal["float32", "float16", "bfloat16", "int8"]
Device = Literal["cpu", "cuda"]

SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "pt2": ".pt2", "aoti": AOTI_SUFFIX}

# The OpenVINO files are made from ONNX, whose instance normalisation it knows as one operation.
_MODULES: dict[str, tuple[str, ...]] = {"onnx": ("onnx", "onnxscript", "onnxruntime")}
_MODULES["openvino"] = ("openvino", *_MODULES["onnx"])

_REFUSED: dict[tuple[Format, Precision], str] = {
    ("onnx", "bfloat16"): "ONNX Runtime has no bfloat16 convolutions on CPUs; choose --precision float16, or "
    "--format openvino or pt2",
    ("pt2", "int8"): "only --format onnx and openvino have int8; choose one, or --precision float16",
    ("aoti", "int8"): "only --format onnx and openvino have int8; choose one, or --precision float16",
}


@dataclass(frozen=True)
class Tolerance:
    """How far an exported file may be from the eager float32 network, on pictures in [0, 1]."""

    max_error: float
    mean_error: float


# Measured on a trained style: docs/export.md.
TOLERANCES: dict[Precision, Tolerance] = {
    "float32": Tolerance(1e-3, 1e-5),
    "float16": Tolerance(0.02, 1e-3),
    "bfloat16": Tolerance(0.15, 8e-3),
    "int8": Tolerance(0.3, 0.015),
}
# Rounding to uint8 alone is off by up to half a step, a quarter on average.
_ROUNDING = Tolerance(0.51 / 255, 0.26 / 255)


@dataclass(frozen=True)
class Request:
    """What to export.

    Attributes:
        static: Height and width of every picture, or None for any size.
        uint8: `(B, H, W, 3)` uint8 in and out, instead of `(B, 3, H, W)` floats.
        calibration: Folder of photographs that int8 ranges are measured on.
        device: What an aoti package runs on.
    """

    format: Format
    precision: Precision = "float32"
    static: tuple[int, int] | None = None
    uint8: bool = False
    calibration: Path | None = None
    device: Device = "cpu"

    @property
    def tolerance(self) -> Tolerance:
        """How far the exported file may be from the network."""
        tolerance = TOLERANCES[self.precision]
        if not self.uint8:
            return tolerance
        return Tolerance(
            tolerance.max_error + _ROUNDING.max_error, tolerance.mean_error + _ROUNDING.mean_error
        )


def check_request(request: Request) -> None:
    """Raise ValueError for what cannot be made here, with the way out, before any work is done."""
    if reason := _REFUSED.get((request.format, request.precision)):
        raise ValueError(f"--format {request.format} cannot be {request.precision}: {reason}")
    if request.static is not None and min(request.static) < 16:
        raise ValueError(f"--static is {request.static[0]}x{request.static[1]}; the smallest is 16x16")
    if (request.precision == "int8") != (request.calibration is not None):
        if request.calibration is not None:
            raise ValueError(f"--calibration is for --precision int8, not {request.precision}; leave it out")
        raise ValueError(
            "--precision int8 needs --calibration FOLDER: a few photographs like those it will be used on"
        )
    if request.device != "cpu" and request.format != "aoti":
        raise ValueError(f"--device {request.device} is for --format aoti; {request.format} runs on any")
    needed = ("torch", *_MODULES.get(request.format, ()))
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        extras = ",".join(dict.fromkeys("train" if name == "torch" else request.format for name in missing))
        raise ValueError(
            f"--format {request.format} needs {', '.join(missing)}: pip install 'allaprima[{extras}]'"
        )
    if request.format == "aoti":
        _check_compiler()


def parse_static(text: str) -> tuple[int, int]:
    """Return height and width of `HxW`, such as 720x1280."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ValueError(f"--static is '{text}'; expected height x width in pixels, such as 720x1280")
    return int(height), int(width)


def output_files(style_file: Path, output: Path | None, format: Format, *, overwrite: bool) -> list[Path]:
    """Return the files that an export will write, the one to name first.

    Raises:
        ValueError: If the output has another suffix than the format.
        FileExistsError: If one is there already and not to be replaced.
        FileNotFoundError: If its folder does not exist.
    """
    suffix = SUFFIXES[format]
    output = output or style_file.with_name(style_file.stem + suffix)
    if not output.name.endswith(suffix) or output.name == suffix:
        raise ValueError(f"output '{output}' does not fit --format {format}; expected a name with {suffix}")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"cannot write '{output}': there is no folder '{output.parent}'")
    files = [output, output.with_suffix(".bin")] if format == "openvino" else [output]
    for file in files:
        if file.is_dir():
            raise FileExistsError(f"cannot write '{file}': it is a folder")
        if file.exists() and not overwrite:
            raise FileExistsError(f"'{file}' is there already: --overwrite replaces it")
    return files


def _check_compiler() -> None:
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise ValueError(
            f"--format aoti compiles C++, and '{compiler}' is not installed: install g++ or set CXX to "
            "another compiler; --format pt2 needs none"
        )
