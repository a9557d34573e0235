"""The command `export`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .formats import Device, Format, Precision, Request, check_request, output_files, parse_static


def export(
    style_file: Path,
    /,
    *,
    format: Format,
    precision: Precision = "float32",
    static: str | None = None,
    uint8: Annotated[bool, Parameter(negative=())] = False,
    calibration: Path | None = None,
    device: Device = "cpu",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Make a trained style into a model file for another runtime, and check it.

    The model takes pictures of any size from 16x16 up, in batches. It is compared with the network
    that it came from before it is kept; the differences are printed and stay in its metadata.

    Args:
        style_file: A style file, made by `allaprima train`, or the name of a bundled style.
        format: onnx for ONNX Runtime, openvino for OpenVINO, pt2 for torch.export.load, aoti for
            code compiled for this machine, which needs torch but not this project.
        precision: Of weights and arithmetic. int8 needs --calibration.
        static: Only pictures of this size, height x width, such as 720x1280.
        uint8: Bytes in and out, (B, H, W, 3), instead of floats in [0, 1], (B, 3, H, W).
        calibration: A folder of photographs to measure the ranges of int8 on; a few dozen will do.
        device: What an aoti package runs on.
        output: The file to write; by default the style file's name with the format's suffix; of a
            bundled style in the current folder.
        overwrite: Replace the output if it is there.

    Returns:
        0, or 1 if the model differs too much from the network; no file is written then.
    """
    size = None if static is None else parse_static(static)
    request = Request(format, precision, size, uint8, calibration, device)
    check_request(request)
    files = output_files(style_file, output, format, overwrite=overwrite)

    from .export_style import export_style
    from .parity import ParityError  # loads torch, so not before the arguments proved right

    try:
        parity = export_style(style_file, request, files)
    except ParityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"compared with the network: {parity}")
    for file in files:
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0
