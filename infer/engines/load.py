"""Which engine runs a file: its own, or for a style file what the machine is fast at."""

import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from allaprima.did_you_mean import check_choice
from allaprima.infer.engine_table import (
    ENGINES,
    EngineChoice,
    EngineRecord,
    engines_of,
    format_of,
    is_style_file,
    resolve,
)
from allaprima.infer.export.formats import Request
from allaprima.infer.precision import PrecisionChoice
from allaprima.models.bundled_styles import find_style

from .openvino_speedups import openvino_precision
from .protocol import BaseEngine

_log = logging.getLogger(__name__)


def load_engine(
    path: Path,
    *,
    engine: EngineChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    trust: bool = False,
) -> BaseEngine:
    """Return a style made ready to run.

    Args:
        path: A style file, the name of a bundled one, or what `allaprima export` made of one.
        engine: `auto` follows from an exported file. For a style file it is `eager`, or OpenVINO where
            that is installed and a conversion pays: on CPUs that compute in bfloat16, and for networks that
            work at half the resolution (infer/engines/openvino_speedups.py). Engines other than PyTorch's
            run a style file after it was exported for them once, for bytes (floats are rounded to 255
            levels); the result is kept in the cache.
        device: `auto`, `cpu`, `cuda`, ...
        precision: Of the computation. `auto` is an exported file's own; for a style file float16 on CUDA
            in PyTorch, bfloat16 in OpenVINO where the CPU has it, and otherwise float32.
        trust: Whether machine code (.aoti.pt2) may run: it can do whatever you can, and nothing can be
            looked at beforehand that would tell. All other files only hold numbers.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged or foreign, the engine does not fit it or is not installed, or the
            device or precision are not to be had.
    """
    file = find_style(path)
    _check_whole_file(path)
    require_trust(path, trust=trust)
    converts = engine == "auto" and is_style_file(path) and find_spec("torch") is not None
    if converts and (faster := _openvino_precision(file, device, precision)):
        try:
            return load_engine(path, engine="openvino", device=device, precision=faster)
        except (ValueError, OSError, RuntimeError) as error:
            _log.warning("using engine 'eager', since 'openvino' is not to be had: %s", error)
    record = _chosen(path, engine)
    _check_torch(path, record)
    runs = runnable(file, record, device, precision)
    load = record.load_style if is_style_file(runs) else record.load_exported
    assert load is not None
    ready: BaseEngine = resolve(load)(runs, device=device, precision=precision)
    return ready


def require_trust(path: Path, *, trust: bool) -> None:
    """Raise ValueError if a file is machine code and nobody said that it may run."""
    if not trust and not is_style_file(path) and format_of(path).machine_code:
        raise ValueError(
            f"'{path}' is machine code, which can do on this machine whatever you can: run it with --trust "
            "(trust=True) if you made it, or know who did; a style file or another export needs no trust"
        )


def runnable(file: Path, engine: EngineRecord, device: str, precision: PrecisionChoice) -> Path:
    """Return what an engine runs: the file, or what a style file is converted to, which may take a while.

    Raises:
        ValueError: If a style file cannot run there, or not in that precision.
    """
    if not is_style_file(file):
        return file
    if precision == "int8":
        raise ValueError(
            "a style file has no int8, which is measured on photographs: allaprima export --precision int8"
        )
    if engine.conversion is None:
        return file
    from .conversion_cache import converted

    request: Request = resolve(engine.conversion)(device, precision)
    return converted(file, engine, request)


def engine_named(name: str) -> EngineRecord:
    """Return an engine, or raise ValueError with those that there are."""
    check_choice("engine", name, ENGINES)
    return ENGINES[name]


def _chosen(path: Path, engine: EngineChoice) -> EngineRecord:
    able = engines_of(path)
    if engine == "auto":
        return able[0]
    record = engine_named(engine)
    if record not in able:
        raise ValueError(
            f"'{path}' runs on engine {_names(able)}, not on '{engine}'; leave out --engine, or give the "
            "style file"
        )
    return record


def _check_torch(path: Path, record: EngineRecord) -> None:
    """Raise ValueError where PyTorch has to carry a file out and is not installed."""
    if record.package == "torch" and find_spec("torch") is None:
        raise ValueError(
            f"painting with '{path}' needs torch, which is not installed: pip install 'allaprima[train]', or "
            "give a style that was exported as .onnx"
        )


def _names(records: Iterable[EngineRecord]) -> str:
    return " or ".join(record.name for record in records)


def _check_whole_file(path: Path) -> None:
    """Raise ValueError for the weights of an exported file, which lie beside it."""
    for record in ENGINES.values():
        if record.format is None or path.suffix != record.format.weights:
            continue
        whole = path.with_suffix(record.format.suffix)
        if whole.is_file():
            raise ValueError(f"'{path}' holds only the weights of an {record.summary} model; give '{whole}'")


def _openvino_precision(file: Path, device: str, precision: PrecisionChoice) -> PrecisionChoice | None:
    from .eager import resolve_device

    return openvino_precision(file, precision) if resolve_device(device).type == "cpu" else None
