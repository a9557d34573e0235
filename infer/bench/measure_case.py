"""One engine at one size: `python -m allaprima.infer.bench.measure_case` measures a `Case` given as JSON."""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from allaprima.images.pixels import as_floats
from allaprima.infer.engines import Engine, load_engine
from allaprima.peak_memory import peak_memory

from .benchmark import PLAIN, Case


def measure_case(case: Case) -> dict[str, Any]:
    """Return latencies, throughput, peak memory, and the error against the plain network.

    Timed is what a program with a decoded picture waits for: bytes in, bytes out. The error is that of
    floats where the model takes floats.
    """
    pictures = make_pictures(case.batch, case.height, case.width)
    run, precision = _ready(case)
    started = time.perf_counter()
    run(pictures)
    first = time.perf_counter() - started
    for _ in range(case.warmup - 1):
        run(pictures)
    seconds = [_timed(run, pictures) for _ in range(case.repeats)]
    peak = _peak_where_it_ran(run)
    stylized = run(as_floats(pictures))
    if case.engine == PLAIN:
        np.save(case.reference, stylized)
    median = statistics.median(seconds)
    return {
        "precision": precision,
        "median_ms": 1e3 * median,
        "p95_ms": 1e3 * float(np.percentile(seconds, 95)),
        "images_per_second": _images_per_second(run, pictures, case.repeats, median),
        "first_ms": 1e3 * first,
        "peak_memory_bytes": peak,
        "mean_error": float(abs(stylized - np.load(case.reference)).mean()),
    }


def make_pictures(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return pictures of coloured clouds with some grain, `(B, H, W, 3)`, always the same."""
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (8, 12, 3), dtype=np.uint8))
        clouds = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        pictures.append((clouds + random.normal(0, 8, clouds.shape)).clip(0, 255).astype(np.uint8))
    return np.stack(pictures)


def _ready(case: Case) -> tuple[Engine, str]:
    """Return what runs, and the precision in which it computes."""
    if case.engine == PLAIN:
        return _plain(Path(case.path)), "float32"
    wanted: Any = case.engine
    engine = load_engine(  # `measure` has asked whether a file is trusted
        Path(case.path), engine=wanted, device=case.device, precision=case.precision, trust=True
    )
    return engine, engine.precision


def _plain(style_file: Path) -> Engine:
    """Return the network as PyTorch runs it by itself: nothing folded, freed memory not kept, on the CPU."""
    import torch

    from allaprima.images.tensors import to_bytes, to_floats
    from allaprima.models.style_file import load_style

    network = load_style(style_file).network

    @torch.inference_mode()
    def run(images: NDArray[Any]) -> NDArray[Any]:
        batch = torch.from_numpy(images)
        if batch.dtype != torch.uint8:
            stylized: torch.Tensor = network(batch)
        else:
            stylized = to_bytes(network(to_floats(batch)))
        return stylized.numpy()

    return run


def _timed(run: Engine, pictures: NDArray[np.uint8]) -> float:
    started = time.perf_counter()
    run(pictures)  # its result is on the host, so a GPU has finished
    return time.perf_counter() - started


def _images_per_second(run: Any, pictures: NDArray[np.uint8], repeats: int, median: float) -> float:
    """Return the throughput: on a GPU that of a row of batches, whose copies overlap with computing."""
    if not _on_cuda(run):
        return len(pictures) / median
    started = time.perf_counter()
    for _ in run.stream([pictures] * repeats):
        pass
    return len(pictures) * repeats / (time.perf_counter() - started)


def _on_cuda(run: Any) -> bool:
    return getattr(getattr(run, "device", None), "type", "cpu") == "cuda"


def _peak_where_it_ran(run: Any) -> int:
    """Return the most memory that this process has held, on the GPU if the engine is there."""
    if _on_cuda(run):
        return int(sys.modules["torch"].cuda.max_memory_allocated())
    return peak_memory()


if __name__ == "__main__":
    try:
        print(json.dumps(measure_case(Case(**json.loads(sys.argv[1])))))  # noqa: T201
    except (ValueError, OSError, MemoryError) as error:
        sys.exit(str(error))
