"""Which engine runs a file: the file's own, or for a style file the fastest that is there."""

from pathlib import Path
from typing import Literal, NamedTuple

from .protocol import BaseEngine, EngineName, Precision

Choice = Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"]

MEAN_ERROR = 2 / 255
"""How far from eager float32 the results of `auto` may be on average, of [0, 1]."""

_FORMATS: dict[EngineName, str] = {"onnx": "onnx", "openvino": "openvino", "aoti": "aoti"}


class Measured(NamedTuple):
    """An engine that can run a style file, as measured.

    Attributes:
        speed: Times as fast as plain eager float32.
        mean_error: Mean difference from it, of [0, 1].
        start_seconds: Until the first picture.
    """

    engine: EngineName
    speed: float
    mean_error: float
    start_seconds: float


# The paper's network at 512x512 on an AMD EPYC (AVX2) with torch 2.15, against the same network unfolded
# (docs/speed.md). Compiled was 0.4 to 1.2 times eager on a busy machine; its start settles it here.
_ON_CPU = (
    Measured("eager", speed=1.2, mean_error=1e-6, start_seconds=1),
    Measured("compiled", speed=1.0, mean_error=1e-6, start_seconds=120),
)


def load_engine(
    path: Path, *, engine: Choice = "auto", device: str = "auto", precision: Precision = "auto"
) -> BaseEngine:
    """Return a style made ready to run.

    Args:
        path: A style file, or what `allaprima export` made of one: .onnx, .xml (OpenVINO), .pt2.
        engine: `auto` follows from an exported file; for a style file it is the fastest as measured once
            (not here and now) whose results keep within `MEAN_ERROR`.
        device: `auto`, `cpu`, `cuda`, ...
        precision: Of the computation; `auto` is float16 on CUDA and float32 elsewhere for a style file,
            and an exported file's own.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged or foreign, the engine does not fit it or is not installed, or the
            device or precision are not to be had.
    """
    if not path.is_file():
        raise FileNotFoundError(f"style file '{path}' does not exist")
    if path.suffix == ".bin" and path.with_suffix(".xml").is_file():
        raise ValueError(
            f"'{path}' holds only the weights of an OpenVINO model; give '{path.with_suffix('.xml')}'"
        )
    found = engines_of(path)
    if engine == "auto":
        engine = found[0] if len(found) == 1 or path.suffix == ".pt2" else fastest(device)
    if engine not in found:
        raise ValueError(_misfit(path, engine, found))
    return _load(path, engine, device, precision)


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


def fastest(device: str, *, mean_error: float = MEAN_ERROR) -> EngineName:
    """Return the engine for a style file on a device.

    Waiting for a compiler is never chosen: one asks for it, who has many pictures.
    """
    if device not in ("auto", "cpu"):
        return "eager"  # the only one known to work on every device; none was at hand to measure
    ready = [row for row in _ON_CPU if row.mean_error <= mean_error and row.start_seconds < 10]
    return max(ready, key=lambda row: row.speed).engine


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
