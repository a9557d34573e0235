"""Which engine runs a file: its own, or for a style file what the machine is fast at."""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from allaprima.infer.export.formats import Device
from allaprima.infer.export.header import is_machine_code
from allaprima.models.bundled import find_style

from .protocol import BaseEngine, EngineName, Precision

Choice = Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"]

_log = logging.getLogger(__name__)

STYLE_FILE_ENGINES: tuple[EngineName, ...] = ("eager", "compiled", "onnx", "openvino", "aoti")
"""Of these, the last three run a style file after a conversion."""


def load_engine(
    path: Path, *, engine: Choice = "auto", device: str = "auto", precision: Precision = "auto"
) -> BaseEngine:
    """Return a style made ready to run.

    Args:
        path: A style file, the name of a bundled one, or what `allaprima export` made of one: .onnx,
            .xml (OpenVINO), .pt2.
        engine: `auto` follows from an exported file. For a style file it is `eager`, or OpenVINO where
            that is installed and computes in bfloat16 on this CPU: elsewhere no engine is so much faster
            that converting pays (docs/speed.md). For onnx, openvino and aoti a style file is exported
            once, for bytes (floats are rounded to 255 levels); the result is kept in the cache.
        device: `auto`, `cpu`, `cuda`, ...
        precision: Of the computation. `auto` is an exported file's own; for a style file float16 on CUDA
            in PyTorch, bfloat16 in OpenVINO where the CPU has it, and otherwise float32.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged or foreign, the engine does not fit it or is not installed, or the
            device or precision are not to be had.
    """
    file = find_style(path)
    if path.suffix == ".bin" and path.with_suffix(".xml").is_file():
        raise ValueError(
            f"'{path}' holds only the weights of an OpenVINO model; give '{path.with_suffix('.xml')}'"
        )
    engines = engines_of(path)
    if engines[0] in ("eager", "aoti") and engine not in ("onnx", "openvino") and find_spec("torch") is None:
        raise ValueError(
            f"painting with '{path}' needs torch, which is not installed: pip install 'allaprima[train]', or "
            "give a style that was exported as .onnx"
        )
    if engine == "auto":
        if engines == STYLE_FILE_ENGINES and _bfloat16_pays(device, precision):
            try:
                return load_engine(path, engine="openvino", device=device, precision=precision)
            except (ValueError, OSError, RuntimeError) as error:
                _log.warning("using engine 'eager', since 'openvino' is not to be had: %s", error)
        engine = engines[0]
    if engine not in engines:
        raise ValueError(
            f"'{path}' runs on engine {engines[0]}, not on '{engine}'; leave out --engine, or give the style "
            "file"
        )
    return _load(runnable(file, engine, device, precision), engine, device, precision)


def runnable(file: Path, engine: EngineName, device: str, precision: Precision) -> Path:
    """Return what an engine runs: the file, or what a style file is converted to, which may take a while."""
    if engine == "eager" or engine == "compiled" or engines_of(file) != STYLE_FILE_ENGINES:
        return file
    from .converted import converted

    target: Device = "cpu"
    match engine:  # a device that is not there is told before the conversion
        case "onnx":
            from .onnx import onnx_providers

            onnx_providers(device)
        case "openvino":
            from .openvino import openvino_device

            openvino_device(device)
        case "aoti":
            if (kind := _kind(device)) not in ("cpu", "cuda"):
                raise ValueError(f"engine 'aoti' runs on cpu and cuda, not on {kind}: --device cpu")
            target = "cuda" if kind == "cuda" else "cpu"
    return converted(file, engine, precision, target)


def engines_of(path: Path) -> tuple[EngineName, ...]:
    """Return the engines that can run a file, by its name and, for .pt2, by what is in it."""
    match path.suffix.lower():
        case ".onnx":
            return ("onnx",)
        case ".xml":
            return ("openvino",)
        case ".pt2":
            return ("aoti",) if is_machine_code(path) else ("eager",)
    return STYLE_FILE_ENGINES


def _bfloat16_pays(device: str, precision: Precision) -> bool:
    """Return whether OpenVINO computes a style in bfloat16 here; nothing is timed."""
    if precision not in ("auto", "bfloat16") or _kind(device) != "cpu":
        return False
    from .converted import computes_bfloat16

    return computes_bfloat16()


def _kind(device: str) -> str:
    """Return the type of a torch device, or of the one that `auto` takes."""
    from .eager import resolve_device

    return resolve_device(device).type


def _load(path: Path, engine: EngineName, device: str, precision: Precision) -> BaseEngine:
    match engine:
        case "onnx":
            from .onnx import OnnxEngine

            return OnnxEngine(path, device=device, precision=precision)
        case "openvino":
            from .openvino import OpenVinoEngine

            return OpenVinoEngine(path, device=device, precision=precision)
        case "aoti":
            from .pt2 import AotiEngine

            return AotiEngine(path, device=device, precision=precision)
    if path.suffix.lower() == ".pt2":
        from .pt2 import ProgramEngine

        return ProgramEngine(path, device=device, precision=precision)
    from allaprima.models.style_file import load_style

    from .compiled import CompiledEngine
    from .eager import EagerEngine

    kind = CompiledEngine if engine == "compiled" else EagerEngine
    return kind(load_style(path).network, device=device, precision=precision)
