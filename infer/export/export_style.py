"""The steps of an export: trace, write aside, compare with the network, sign, put in place."""

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from allaprima.atomic import write_together
from allaprima.infer.engine_table import resolve
from allaprima.models.style_file import Style, StyleHeader, load_style

from .calibration_pictures import Batch, check_batches, read_calibration
from .equalize import equalize
from .format_writer import FormatWriter
from .formats import Request, check_request, format_named
from .parity import Parity, Runner, measure_parity, require_parity
from .torch_program import make_program


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
    writer: FormatWriter = resolve(format_named(request.format).writer)  # imports its packages only now
    writer.check(request)
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
        "device": request.device if format_named(request.format).machine_code else None,
        **parity.to_dict(),
        "versions": _versions(request),
    }
    return json.dumps({**header.model_dump(), "export": exported})


def _versions(request: Request) -> dict[str, str]:
    versions = {}
    for name in ("allaprima", "torch", *format_named(request.format).packages):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # of a checkout that is not installed, or a variant of onnxruntime
            continue
    return versions
