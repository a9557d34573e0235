"""PyTorch's own formats: torch.export programs, and packages of compiled code."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from .calibration_pictures import Batch
from .format_writer import FormatWriter
from .formats import Request
from .header import AOTI_METADATA_END, JSON_NAME, METADATA_KEY
from .parity import Runner
from .torch_program import quiet_exporters


def write_pt2(program: ExportedProgram, request: Request, photographs: Sequence[Batch], path: Path) -> None:
    """Write a program that torch.export.load reads, without the example that it was traced with."""
    program.example_inputs = None  # it would be pickled
    _save(program, path)


def run_pt2(path: Path, request: Request) -> Runner:
    """Return what carries out a program, on the CPU."""
    with quiet_exporters():
        return _runner(torch.export.load(path).module(), "cpu")


def stamp_pt2(path: Path, text: str) -> None:
    """Write the header into the program's extra files."""
    with quiet_exporters():
        program = torch.export.load(path)
    _save(program, path, {JSON_NAME: text})


def write_aoti(program: ExportedProgram, request: Request, photographs: Sequence[Batch], path: Path) -> None:
    """Compile the program for this kind of processor, into a package that needs torch but not allaprima."""
    package = io.BytesIO()  # as in `_save`
    with quiet_exporters():
        torch._inductor.aoti_compile_and_package(program, package_path=package)
    path.write_bytes(package.getvalue())


def run_aoti(path: Path, request: Request) -> Runner:
    """Return what carries out a package, on its device."""
    return _runner(torch._inductor.aoti_load_package(str(path)), request.device)


def stamp_aoti(path: Path, text: str) -> None:
    """Write the header into a package's metadata, without compiling again to have it there."""
    signed = path.with_suffix(".signed")
    with zipfile.ZipFile(path) as package, zipfile.ZipFile(signed, "w") as copy:
        for entry in package.infolist():
            content = package.read(entry)
            if entry.filename.endswith(AOTI_METADATA_END):
                content = json.dumps({**json.loads(content), METADATA_KEY: text}).encode()
            copy.writestr(entry, content)
    signed.replace(path)


def _save(program: ExportedProgram, path: Path, extra_files: dict[str, str] | None = None) -> None:
    """Write a program by way of memory: torch's own writer ends the process where the disk is full."""
    saved = io.BytesIO()
    with quiet_exporters():
        torch.export.save(program, saved, extra_files=extra_files)
    path.write_bytes(saved.getvalue())


def _runner(model: Any, device: str) -> Runner:
    @torch.inference_mode()
    def runner(pictures: NDArray[Any]) -> NDArray[Any]:
        stylized: NDArray[Any] = model(torch.from_numpy(pictures).to(device)).cpu().numpy()
        return stylized

    return runner


PT2 = FormatWriter(write_pt2, run_pt2, stamp_pt2)
AOTI = FormatWriter(write_aoti, run_aoti, stamp_aoti)
