"""How fast a style runs on this machine: each engine in a process of its own, next to plain eager PyTorch."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from allaprima.infer.engine_table import ENGINES, EngineName, EngineRecord, engines_of, is_style_file
from allaprima.infer.engines.load import engine_named, require_trust, runnable
from allaprima.infer.export.formats import Request, check_request
from allaprima.infer.precision import Precision, PrecisionChoice
from allaprima.models.bundled_styles import find_style

PLAIN = "plain"
"""The network as PyTorch carries it out by itself, float32: what the others are compared with."""

_PACKAGES = dict.fromkeys(("allaprima", *(engine.package for engine in ENGINES.values()), "numpy"))


@dataclass(frozen=True)
class Case:
    """What one process measures.

    Attributes:
        path: A style file or an exported file.
        engine: `plain`, or one of the engines.
        reference: File of the plain network's results, which `plain` writes and the others read.
    """

    path: str
    engine: str
    precision: PrecisionChoice
    device: str
    height: int
    width: int
    batch: int
    warmup: int
    repeats: int
    reference: str


@dataclass(frozen=True)
class Plan:
    """What is measured: every engine at every size.

    Attributes:
        style_file: The style, or the name of a bundled one.
        exported: Exported files of it.
        engines: Of the style file, and, of the exported files, which of them count; None takes all that are
            installed but AOTInductor, which compiles for minutes.
        precisions: In which the style file runs.
        sizes: Height and width.
        trust: Whether machine code among the exported files may run.
    """

    style_file: Path
    exported: Sequence[Path] = ()
    engines: Sequence[EngineName] | None = None
    precisions: Sequence[Precision] = ("float32",)
    sizes: Sequence[tuple[int, int]] = ((512, 512), (720, 1280))
    device: str = "auto"
    batch: int = 1
    warmup: int = 3
    repeats: int = 20
    trust: bool = False


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield a row for each engine, precision and size, or one with `error` where it failed.

    The rows of a size follow the plain network's, whose time and results they are compared with.

    Raises:
        OSError: If a file does not exist.
        ValueError: If a file is damaged, or no engine is left to measure.
    """
    choices = [  # converted beforehand, which is no part of what is measured
        (runnable(find_style(path), engine, plan.device, precision), engine, precision)
        for path, engine, precision in _choices(plan)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for height, width in plan.sizes:
            case = Case(
                path=str(plan.style_file),
                engine=PLAIN,
                precision="float32",
                device=plan.device,
                height=height,
                width=width,
                batch=plan.batch,
                warmup=plan.warmup,
                repeats=plan.repeats,
                reference=f"{folder}/plain.npy",
            )
            plain = _row(case)
            yield plain
            for path, engine, precision in choices:
                row = _row(replace(case, path=str(path), engine=engine.name, precision=precision))
                if "error" not in row and "error" not in plain:
                    row["ratio"] = plain["median_ms"] / row["median_ms"]
                yield row


def label(row: dict[str, Any]) -> str:
    """Return what to call the engine of a row, with the format where it runs style files as they are, too."""
    name: str = row["engine"]
    engine = ENGINES.get(name)  # none of `plain`
    if (
        engine is None
        or engine.format is None
        or engine.load_style is None
        or is_style_file(Path(row["file"]))
    ):
        return name
    return f"{name} {engine.format.name}"


def circumstances(device: str) -> dict[str, Any]:
    """Return machine, threads and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {"machine": _processor(), "threads": cores, "device": device}
    if limit := os.environ.get("OMP_NUM_THREADS"):
        facts["OMP_NUM_THREADS"] = limit  # binds PyTorch and not the others; taskset binds all
    for package in _PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts


def _choices(plan: Plan) -> list[tuple[Path, EngineRecord, PrecisionChoice]]:
    find_style(plan.style_file)
    for path in plan.exported:
        if not path.is_file():
            raise FileNotFoundError(f"file '{path}' does not exist")
        require_trust(path, trust=plan.trust)
    if not is_style_file(plan.style_file):
        raise ValueError(
            f"'{plan.style_file}' is an exported file; the first is the style file, exported ones follow it"
        )
    wanted = None if plan.engines is None else [engine_named(name) for name in plan.engines]
    exported = [(path, engine) for path in plan.exported for engine in engines_of(path)]
    covered = [engine for _, engine in exported if engine.load_style is None]  # would run the same
    choices: list[tuple[Path, EngineRecord, PrecisionChoice]] = [
        (plan.style_file, engine, precision)
        for engine in wanted or _ready_engines(plan)
        for precision in plan.precisions
        if engine not in covered
    ]
    choices.extend((path, engine, "auto") for path, engine in exported if wanted is None or engine in wanted)
    return choices


def _ready_engines(plan: Plan) -> list[EngineRecord]:
    """Return PyTorch's engines and, if they can carry out the plan, those that a style is converted for."""
    anywhere = plan.device in ("auto", "cpu") and set(plan.precisions) == {"float32"}
    return [
        engine for engine in ENGINES.values() if engine.load_style or (anywhere and _converts_quickly(engine))
    ]


def _converts_quickly(engine: EngineRecord) -> bool:
    if engine.conversion is None or engine.format is None or engine.format.machine_code:
        return False
    try:
        check_request(Request(engine.format.name))
    except ValueError:  # not installed
        return False
    return True


def _row(case: Case) -> dict[str, Any]:
    """Measure a case in a fresh process, so that peaks of memory do not mix."""
    command = [sys.executable, "-m", "allaprima.infer.bench.measure_case", json.dumps(asdict(case))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    row: dict[str, Any] = {
        "engine": case.engine,
        "precision": case.precision,
        "file": Path(case.path).name,
        "height": case.height,
        "width": case.width,
        "batch": case.batch,
    }
    if done.returncode == 0:
        return {**row, **json.loads(done.stdout.splitlines()[-1])}
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    killed = f"its process ended with {done.returncode}; a picture too large for memory ends so"
    return {**row, "error": lines[-1] if lines else killed}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
