"""The command `allaprima bench infer`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.atomic import write_whole
from allaprima.infer.engine_table import ENGINES
from allaprima.infer.precision import Precision
from allaprima.output_path_checks import check_outputs, check_suffix
from allaprima.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

_ENGINES_HELP = f"Measure only these, with commas: {', '.join(ENGINES)}."


def bench_infer(
    style_file: Path,
    exported: list[Path] | None = None,
    /,
    *,
    sizes: str = "512x512,1280x720",
    engines: Annotated[str | None, Parameter(help=_ENGINES_HELP)] = None,
    precisions: str = "float32",
    batch: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    device: str = "auto",
    warmup: Annotated[int, Parameter(validator=Number(gte=1))] = 3,
    repeats: Annotated[int, Parameter(validator=Number(gte=1))] = 20,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    plot: Path | None = None,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Measure latency, throughput, peak memory and error, next to plain eager PyTorch in float32.

    Every engine runs at every size in a process of its own. `plain` is the network as PyTorch carries it
    out by itself on the CPU, without what the engine `eager` adds: folded upsampling and freed memory kept.

    Args:
        style_file: A style file, made by `allaprima train`, or the name of a bundled style.
        exported: Exported files of it: .onnx, .xml, .pt2. Each runs on its own engine.
        sizes: Pictures' widths and heights, WxH, with commas.
        engines: Measure only these.
        precisions: In which the style file runs, with commas: float32, float16, bfloat16.
        batch: Pictures at once.
        device: auto, cpu, cuda, ...
        warmup: Calls that do not count; the first may wait for a compiler.
        repeats: Calls that count.
        json_file: Where to write the figures as JSON.
        plot: Where to draw them: a .png, .svg or .pdf file.
        trust: Run machine code (.aoti.pt2) among the exported files, which can do whatever you can.

    Returns:
        0, or 1 if an engine failed.
    """
    from .benchmark import Plan, circumstances, measure
    from .sizes import parse_size

    plan = Plan(
        style_file,
        exported or (),
        engines=None if engines is None else _names(engines),
        precisions=_precisions(precisions),
        sizes=[parse_size(text) for text in sizes.split(",")],
        device=device,
        batch=batch,
        warmup=warmup,
        repeats=repeats,
        trust=trust,
    )
    check_outputs((json_file, plot), overwrite=True)
    if plot:
        check_suffix(plot, (".png", ".svg", ".pdf"))
    rows = list(_failures_printed(measure(plan)))
    conditions = circumstances(device)
    measured = [row for row in rows if "error" not in row]
    _show(measured, conditions)
    if json_file:
        write_whole(json_file, (json.dumps({"results": measured, **conditions}, indent=2) + "\n").encode())
    if plot and measured:
        from .plot import plot_latencies

        plot_latencies(measured, plot)
    return 0 if len(measured) == len(rows) else 1


def _failures_printed(rows: "Iterator[dict[str, Any]]") -> "Iterator[dict[str, Any]]":
    """Pass rows on, and tell of each that failed."""
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    for row in rows:
        if "error" in row:
            size = f"{row['width']}x{row['height']}"
            failed = f"{row['engine']} at {size} ('{row['file']}'): {row['error']}"
            console.print(f"error: {printable(failed)}")
        yield row


def _show(rows: list[dict[str, Any]], conditions: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.width = max(console.width, 100)  # of a file or a pipe it is 80, and columns would be cut
    console.print(_table(rows))
    console.print("milliseconds a batch; 'x plain': times as fast as plain; mean error in levels of 255")
    console.print(", ".join(f"{name} {value}" for name, value in conditions.items()))


def _table(rows: list[dict[str, Any]]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    from .benchmark import label

    table = Table(box=SIMPLE, pad_edge=False)
    headings = ("engine", "precision", "size", "median", "p95", "per s", "x plain", "peak MB", "error")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number > 1 else "left", no_wrap=True)
    for row in rows:
        table.add_row(
            label(row),
            row["precision"],
            f"{row['width']}x{row['height']}",
            f"{row['median_ms']:.1f}",
            f"{row['p95_ms']:.1f}",
            f"{row['images_per_second']:.2f}",
            f"{row['ratio']:.2f}" if "ratio" in row else "",
            f"{row['peak_memory_bytes'] / 1e6:.0f}",
            f"{255 * row['mean_error']:.3f}",
        )
    return table


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _precisions(text: str) -> list[Precision]:
    known = [name for name in get_args(Precision) if name != "int8"]  # which no style file has
    for name in _names(text):
        if name not in known:
            raise ValueError(f"unknown precision '{name}'; expected {', '.join(known)}")
    return cast(list[Precision], _names(text))
