"""PyTorch's own exported files: programs (.pt2), and packages of machine code (.aoti.pt2)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from allaprima.freed_memory import keep_freed_memory
from allaprima.infer.export.formats import Device, Request
from allaprima.infer.export.header import aoti_metadata
from allaprima.infer.export.program import quiet_exporters
from allaprima.infer.precision import PrecisionChoice

from .eager import resolve_device
from .exported import ExportedEngine, Model, unreadable


class ProgramEngine(ExportedEngine):
    """A torch.export program, carried out operation by operation.

    Loading one unpickles nothing but tensors.
    """

    # 854 bytes a pixel at width 32 and 512x512, 823 at 2048x2048; torch 2.15 on the CPU in float32.
    bytes_per_pixel_and_width = 26

    def _load(self, path: Path, device: str) -> Model:
        target = resolve_device(device)
        keep_freed_memory()
        try:
            with quiet_exporters():
                program = torch.export.load(path)
        except (RuntimeError, ValueError, KeyError) as error:
            raise unreadable(path, "PyTorch", error) from error
        return Model(None, _on_arrays(program.module().to(target), target))


class AotiEngine(ExportedEngine):
    """A package of machine code made by AOTInductor, for the kind of processor that made it.

    It is a program: load only those from people you trust.
    """

    # 565 bytes a pixel at width 32 and 1024x1024, 503 at 512x512; torch 2.15 on the CPU in float32.
    bytes_per_pixel_and_width = 17

    def _load(self, path: Path, device: str) -> Model:
        made_for = (aoti_metadata(path) or {}).get("AOTI_DEVICE_KEY", "cpu")
        target = resolve_device(made_for if device == "auto" else device)
        if target.type != made_for:
            raise ValueError(f"'{path}' was compiled for {made_for}, not for {target.type}; export it there")
        keep_freed_memory()
        try:
            package = torch._inductor.aoti_load_package(str(path))
        except RuntimeError as error:
            raise unreadable(path, "this machine", error) from error
        return Model(None, _on_arrays(package, target))


def conversion(device: str, precision: PrecisionChoice) -> Request:
    """Return how a style file is compiled, or raise ValueError for a device without machine code."""
    kind = resolve_device(device).type
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"engine 'aoti' runs on cpu and cuda, not on {kind}: --device cpu")
    target: Device = "cuda" if kind == "cuda" else "cpu"
    return Request("aoti", "float32" if precision == "auto" else precision, uint8=True, device=target)


def _on_arrays(
    run: Callable[[Tensor], Tensor], device: torch.device
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    @torch.inference_mode()
    def on_arrays(images: NDArray[Any]) -> NDArray[Any]:
        writeable = images if images.flags.writeable else images.copy()
        return run(torch.from_numpy(writeable).to(device)).cpu().numpy()

    return on_arrays
