"""Which engine runs a file: the file's own, or for a style file the one that is ready at once."""

from pathlib import Path
from typing import Literal

from allaprima.infer.artefact import is_machine_code
from allaprima.infer.export.formats import Device
from allaprima.models.bundled import find_style

from .protocol import BaseEngine, EngineName, Precision

Choice = Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"]

STYLE_FILE_ENGINES: tuple[EngineName, ...] = ("eager", "compiled", "onnx", "openvino", "aoti")


def load_engine(
    path: Path, *, engine: Choice = "auto", device: str = "auto", precision: Precision = "auto"
) -> BaseEngine:
    """Return a style made ready to run.

    Args:
        path: A style file, the name of a bundled one, or what `allaprima export` made of one: .onnx,
            .xml (OpenVINO), .pt2.
        engine: `auto` follows from an exported file. For a style file it is OpenVINO where that is
            installed and the CPU computes in bfloat16 (several times as fast, within 2/255), otherwise
            `eager`: elsewhere none is so much faster that converting pays (docs/speed.md). With the
            others a style file is exported, once; the result is kept in the user's cache.
        device: `auto`, `cpu`, `cuda`, ...
        precision: Of the computation; `auto` is float16 on CUDA and float32 elsewhere for a style file,
            and an exported file's own.

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
    found = engines_of(path)
    if engine == "auto":
        engine = found[0] if len(found) == 1 else _fastest(device, precision)
    if engine not in found:
        raise ValueError(
            f"'{path}' runs on engine {found[0]}, not on '{engine}'; leave out --engine, or give the style "
            "file"
        )
    if found == STYLE_FILE_ENGINES and (engine == "onnx" or engine == "openvino" or engine == "aoti"):
        from .converted import converted

        target: Device = "cuda" if engine == "aoti" and _kind(device) == "cuda" else "cpu"
        file, precision = converted(file, engine, precision, target), "auto"
    return _load(file, engine, device, precision)


def engines_of(path: Path) -> tuple[EngineName, ...]:
    """Return the engines that can run a file, by its name and, for .pt2, by what is in it."""
    match path.suffix:
        case ".onnx":
            return ("onnx",)
        case ".xml":
            return ("openvino",)
        case ".pt2":
            return ("aoti",) if is_machine_code(path) else ("eager",)
    return STYLE_FILE_ENGINES


def _fastest(device: str, precision: Precision) -> EngineName:
    """Return the engine for a style file on a device; none is tried out, so this takes no time."""
    from .converted import computes_bfloat16

    half = precision in ("auto", "bfloat16") and computes_bfloat16()
    return "openvino" if half and _kind(device) == "cpu" else "eager"


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
            from .program import AotiEngine

            return AotiEngine(path, device=device, precision=precision)
    if path.suffix == ".pt2":
        from .program import ProgramEngine

        return ProgramEngine(path, device=device, precision=precision)
    from allaprima.models.style_file import load_style

    from .compiled import CompiledEngine
    from .eager import EagerEngine

    kind = CompiledEngine if engine == "compiled" else EagerEngine
    return kind(load_style(path).network, device=device, precision=precision)
