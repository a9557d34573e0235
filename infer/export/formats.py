"""What an export is asked for, what cannot be made, and how far a result may be from the network; light."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from allaprima.did_you_mean import check_choice
from allaprima.infer.engine_table import FORMATS, ExportFormat, FormatName
from allaprima.infer.precision import Precision
from allaprima.output_path_checks import check_outputs

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Tolerance:
    """How far an exported file may be from the eager float32 network, on pictures in [0, 1]."""

    max_error: float
    mean_error: float


LOWEST_OPSET = 15
"""Of ONNX, of 2021; before it the sizes of pictures are computed in another way."""

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
        device: What machine code runs on.
        opset: Version of ONNX's operators, and with it of the file; None is the exporter's.
    """

    format: FormatName
    precision: Precision = "float32"
    static: tuple[int, int] | None = None
    uint8: bool = False
    calibration: Path | None = None
    device: Device = "cpu"
    opset: int | None = None

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
    format = format_named(request.format)
    if reason := format.refused.get(request.precision):
        raise ValueError(f"--format {request.format} cannot be {request.precision}: {reason}")
    if request.static is not None and min(request.static) < 16:
        raise ValueError(f"--static is {request.static[0]}x{request.static[1]}; the smallest is 16x16")
    if (request.precision == "int8") != (request.calibration is not None):
        if request.calibration is not None:
            raise ValueError(f"--calibration is for --precision int8, not {request.precision}; leave it out")
        raise ValueError(
            "--precision int8 needs --calibration FOLDER: a few photographs like those it will be used on"
        )
    if request.device != "cpu" and not format.machine_code:
        compiled = " or ".join(name for name, other in FORMATS.items() if other.machine_code)
        raise ValueError(f"--device {request.device} is for --format {compiled}; {format.name} runs on any")
    if request.opset is not None and (format.name != "onnx" or request.opset < LOWEST_OPSET):
        raise ValueError(f"--opset is {request.opset}; it is for --format onnx, from {LOWEST_OPSET} on")
    missing = [name for name in ("torch", *format.packages) if find_spec(name) is None]
    if missing:
        extras = ",".join(dict.fromkeys("train" if name == "torch" else format.name for name in missing))
        raise ValueError(
            f"--format {format.name} needs {', '.join(missing)}: pip install 'allaprima[{extras}]'"
        )
    if format.machine_code:
        _check_compiler(format)
    if request.opset is not None:
        _check_newest(request.opset)


def _check_newest(opset: int) -> None:
    """Raise ValueError for a version of ONNX's operators that is not known here."""
    from onnx import defs  # only where an opset is asked for

    if opset > (newest := defs.onnx_opset_version()):
        raise ValueError(f"--opset is {opset}; the newest that is known here is {newest}")


def format_named(name: str) -> ExportFormat:
    """Return a format, or raise ValueError with those that there are."""
    check_choice("format", name, FORMATS)
    return FORMATS[name]


def parse_static(text: str) -> tuple[int, int]:
    """Return height and width of `HxW`, such as 720x1280."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ValueError(f"--static is '{text}'; expected height x width in pixels, such as 720x1280")
    return int(height), int(width)


def output_files(
    style_file: Path, output: Path | None, format: ExportFormat, *, overwrite: bool
) -> list[Path]:
    """Return the files that an export will write, the one to name first.

    Raises:
        ValueError: If the output has another suffix than the format.
        FileExistsError: If one is there already and not to be replaced.
        FileNotFoundError: If its folder does not exist.
    """
    suffix = format.suffix
    output = output or style_file.with_name(style_file.stem + suffix)
    if not output.name.endswith(suffix) or output.name == suffix:
        raise ValueError(
            f"output '{output}' does not fit --format {format.name}; expected a name with {suffix}"
        )
    files = format.files(output)
    check_outputs(files, overwrite=overwrite)
    return files


def _check_compiler(format: ExportFormat) -> None:
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise ValueError(
            f"--format {format.name} compiles C++, and '{compiler}' is not installed: install g++ or set CXX "
            "to another compiler; --format pt2 needs none"
        )
