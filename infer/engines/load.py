"""Which engine runs a file: the file's own, or for a style file the one that is ready at once."""

from pathlib import Path
from typing import Literal

from allaprima.models.bundled import find_style

from .protocol import BaseEngine, EngineName, Precision

Choice = Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"]

_FORMATS: dict[EngineName, str] = {"onnx": "onnx", "openvino": "openvino", "aoti": "aoti"}


def load_engine(
    path: Path, *, engine: Choice = "auto", device: str = "auto", precision: Precision = "auto"
) -> BaseEngine:
    """Return a style made ready to run.

    Args:
        path: A style file, the name of a bundled one, or what `allaprima export` made of one: .onnx,
            .xml (OpenVINO), .pt2.
        engine: `auto` follows from an exported file; for a style file it is `eager`, since compiling
            takes minutes that pay for many pictures only.
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
        engine = found[0]
    if engine not in found:
        raise ValueError(_misfit(path, engine, found))
    return _load(file, engine, device, precision)


def engines_of(path: Path) -> tuple[EngineName, ...]:
    """Return the engines that can run a file, by its name and, for .pt2, by what is in it."""
    match path.suffix:
        case ".onnx":
            return ("onnx",)
        case ".xml":
            return ("openvino",)
        case ".pt2":
            from .program import is_machine_code

            return ("aoti",) if is_machine_code(path) else ("eager",)
    return ("eager", "compiled")


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


def _misfit(path: Path, engine: EngineName, found: tuple[EngineName, ...]) -> str:
    if engine in _FORMATS and path.suffix not in (".onnx", ".xml", ".pt2"):
        return (
            f"engine '{engine}' runs exported files, and '{path}' is a style file; make one with: "
            f"allaprima export {path} --format {_FORMATS[engine]}"
        )
    return (
        f"'{path}' runs on engine {' or '.join(found)}, not on '{engine}'; leave out --engine, or give the "
        "style file"
    )
