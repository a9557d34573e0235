"""The steps of an export: trace, write aside, compare with the network, sign, put in place."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from allaprima.atomic import write_together
from allaprima.models.style_file import Style, StyleHeader, load_style

from .calibration_pictures import Batch, check_batches, read_calibration
from .equalize import equalize
from .formats import Request, check_request
from .parity import Parity, Runner, measure_parity, require_parity
from .program import make_program


@dataclass(frozen=True)
class _Writer:
    """How one format is written, carried out and signed."""

    write: Callable[[ExportedProgram, Request, Sequence[Batch], Path], None]
    run: Callable[[Path, Request], Runner]
    stamp: Callable[[Path, str], None]


def export_style(style_file: Path, request: Request, files: Sequence[Path]) -> Parity:
    """Export a style and return how far the exported file is from the network.

    Args:
        style_file: What `allaprima train` wrote, or the name of a bundled style.
        request: What to make.
        files: What to write, from `output_files`; replaced if they are there.

    Raises:
        ParityError: If the exported file is out of tolerance; nothing is written then.
        ValueError: If the style file, the photographs or the request is unusable.
        OSError: If a file cannot be read or written.
    """
    check_request(request)
    writer = _writer(request)
    style = load_style(style_file)
    photographs = read_calibration(request.calibration, request.static) if request.calibration else []
    with write_together(files) as folder:
        path = folder / files[0].name
        network = equalize(style.network, photographs) if photographs else style.network
        writer.write(make_program(network, request), request, photographs, path)
        parity = _check(style, request, photographs, writer.run(path, request))
        writer.stamp(path, _header(style.header, request, parity))
    return parity


def _check(style: Style, request: Request, photographs: Sequence[Batch], runner: Runner) -> Parity:
    batches = [*check_batches(request.static), *photographs[:4]]
    parity = measure_parity(runner, style.network, batches, uint8=request.uint8)
    require_parity(parity, request)
    return parity


def _header(header: StyleHeader, request: Request, parity: Parity) -> str:
    exported: dict[str, Any] = {
        "format": request.format,
        "precision": request.precision,
        "static": None if request.static is None else list(request.static),
        "uint8": request.uint8,
        "device": request.device if request.format == "aoti" else None,
        **parity.to_dict(),
        "versions": _versions(request),
    }
    return json.dumps({**header.model_dump(), "export": exported})


def _versions(request: Request) -> dict[str, str]:
    names = ["allaprima", "torch"]
    if request.format in ("onnx", "openvino"):
        names += ["onnx", "onnxscript", "onnxruntime"]
    if request.format == "openvino":
        names.append("openvino")
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # of a checkout that is not installed, or a variant of onnxruntime
            continue
    return versions


def _writer(request: Request) -> _Writer:
    """Return the writer of a format, importing its packages only now."""
    if request.format == "onnx":
        from .to_onnx import run_onnx, stamp_onnx, write_onnx

        return _Writer(write_onnx, run_onnx, stamp_onnx)
    if request.format == "openvino":
        from .to_openvino import check_openvino, run_openvino, stamp_openvino, write_openvino

        check_openvino(request)
        return _Writer(write_openvino, run_openvino, stamp_openvino)
    from .to_torch import run_aoti, run_pt2, stamp_aoti, stamp_pt2, write_aoti, write_pt2

    if request.format == "pt2":
        return _Writer(write_pt2, run_pt2, stamp_pt2)
    return _Writer(write_aoti, run_aoti, stamp_aoti)
