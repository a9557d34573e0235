"""PyTorch's own exported files: programs (.pt2), and packages of machine code (.aoti.pt2)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from allaprima.freed_memory import keep_freed_memory
from allaprima.infer.export.formats import Device, Request
from allaprima.infer.export.header import aoti_metadata, holds_library
from allaprima.infer.export.pt2_archive import StoredWeight, read_program_weights
from allaprima.infer.export.torch_program import wrapped
from allaprima.infer.network.folding import fold
from allaprima.infer.precision import PrecisionChoice
from allaprima.models.network_settings import NetworkSettings
from allaprima.models.transformer import TransformerNetwork

from .eager import resolve_device
from .exported import ExportedEngine, ExportSettings, Model, unreadable


class ProgramEngine(ExportedEngine):
    """A torch.export program that `allaprima export` wrote.

    Its weights are read, and the network that its header names carries them out; the program itself is
    never loaded, since that runs what the file holds (`infer/export/pt2_archive.py`).
    """

    # 854 bytes a pixel at width 32 and 512x512, 823 at 2048x2048; torch 2.15 on the CPU in float32.
    bytes_per_pixel_and_width = 26

    def _load(self, path: Path, device: str) -> Model:
        target = resolve_device(device)
        keep_freed_memory()
        weights = read_program_weights(path)
        try:
            module = _module(self._header.network, self._header.export, weights)
        except (RuntimeError, OverflowError, TypeError, ValueError) as error:
            raise unreadable(path, "its own header describes", error) from error
        return Model(None, _on_arrays(module.to(target), target))


class AotiEngine(ExportedEngine):
    """A package of machine code made by AOTInductor, for the kind of processor that made it.

    It is a program, and has whoever runs it in its power: `load_engine` asks for `trust`.
    """

    # 565 bytes a pixel at width 32 and 1024x1024, 503 at 512x512; torch 2.15 on the CPU in float32.
    bytes_per_pixel_and_width = 17

    def _load(self, path: Path, device: str) -> Model:
        made_for = (aoti_metadata(path) or {}).get("AOTI_DEVICE_KEY", "cpu")
        target = resolve_device(made_for if device == "auto" else device)
        if target.type != made_for:
            raise ValueError(f"'{path}' was compiled for {made_for}, not for {target.type}; export it there")
        if not holds_library(path):
            raise unreadable(path, "this machine", ValueError("it holds no compiled library"))
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


def _module(
    network: NetworkSettings, export: ExportSettings, weights: Mapping[str, StoredWeight]
) -> nn.Module:
    """Return the module that was exported, with the weights of a file; none is allocated in vain."""
    if export.precision not in ("float16", "bfloat16", "float32"):
        raise ValueError(f"there are no programs in {export.precision}")
    if network.residual_blocks > len(weights):  # as many modules take time even without memory
        raise ValueError(f"there are only {len(weights)} weights")
    dtype = getattr(torch, export.precision)
    with torch.device("meta"):
        folded = fold(TransformerNetwork(**network.model_dump()).eval())
        module = wrapped(folded, torch.empty(2, 3), dtype, uint8=export.uint8)
    expected = module.state_dict()
    for name, weight in weights.items():
        if name not in expected:
            raise ValueError(f"{name} is none of its weights")
        if expected[name].dtype != getattr(torch, weight.dtype):
            raise ValueError(f"{name} is {weight.dtype}")
        if expected[name].shape != weight.shape:
            raise ValueError(f"{name} is {weight.shape} instead of {tuple(expected[name].shape)}")
    module.load_state_dict({name: _tensor(name, weight) for name, weight in weights.items()}, assign=True)
    return module.requires_grad_(False)


def _tensor(name: str, weight: StoredWeight) -> Tensor:
    tensor = torch.frombuffer(bytearray(weight.read()), dtype=getattr(torch, weight.dtype))
    if not tensor.isfinite().all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return tensor.reshape(weight.shape)


def _on_arrays(
    run: Callable[[Tensor], Tensor], device: torch.device
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    @torch.inference_mode()
    def on_arrays(images: NDArray[Any]) -> NDArray[Any]:
        writeable = images if images.flags.writeable else images.copy()
        return run(torch.from_numpy(writeable).to(device)).cpu().numpy()

    return on_arrays
