"""The command `export`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from allaprima.infer.engine_table import FORMATS, FormatName
from allaprima.infer.precision import Precision
from allaprima.terminal import complain, say

from .formats import Device, Request, check_request, format_named, output_files, parse_static

_FORMAT_HELP = "; ".join(f"{name} for {format.summary}" for name, format in FORMATS.items())


def export(
    style_file: Path,
    /,
    *,
    format: Annotated[FormatName, Parameter(help=_FORMAT_HELP)],
    precision: Precision = "float32",
    static: str | None = None,
    uint8: Annotated[bool, Parameter(negative=())] = False,
    calibration: Path | None = None,
    device: Device = "cpu",
    opset: int | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Make a trained style into a model file for another runtime, and check it.

    The model takes pictures of any size from 16x16 up, in batches. It is compared with the network
    that it came from before it is kept; the differences are printed and stay in its metadata.

    Args:
        style_file: A style file, made by `allaprima train`, or the name of a bundled style.
        format: What runs it.
        precision: Of weights and arithmetic. int8 needs --calibration.
        static: Only pictures of this size, height x width, such as 720x1280.
        uint8: Bytes in and out, (B, H, W, 3), instead of floats in [0, 1], (B, 3, H, W).
        calibration: A folder of photographs to measure the ranges of int8 on; a few dozen will do.
        device: What machine code runs on.
        opset: Version of ONNX's operators, from 15 on, for older runtimes: 17 for ONNX Runtime from 1.12 on.
        output: The file to write; by default the style file's name with the format's suffix; of a
            bundled style in the current folder.
        overwrite: Replace the output if it is there.

    Returns:
        0, or 1 if the model differs too much from the network; no file is written then.
    """
    size = None if static is None else parse_static(static)
    request = Request(format, precision, size, uint8, calibration, device, opset)
    check_request(request)
    files = output_files(style_file, output, format_named(format), overwrite=overwrite)

    from .export_style import export_style
    from .parity import ParityError  # loads torch, so not before the arguments proved right

    try:
        parity = export_style(style_file, request, files)
    except ParityError as error:
        complain(error)
        return 1
    say(f"compared with the network: {parity}")
    for file in files:
        say(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0
