"""The command `bench video`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.atomic import write_whole
from allaprima.output_path_checks import check_outputs

if TYPE_CHECKING:
    from rich.table import Table

    from .benchmark import Endurance, Rates


def bench_video(
    clip: Path,
    /,
    *,
    style: Path = Path("great-wave"),
    sizes: str = "640x360",
    seconds: Annotated[float, Parameter(validator=Number(gt=0))] = 10,
    minutes: Annotated[float, Parameter(validator=Number(gte=0))] = 0,
    batch: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    engine: Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"] = "auto",
    device: str = "auto",
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto",
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    trust: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Measure how fast a clip is stylised from file to file, next to the network alone.

    The clip is brought to each size first, and shown over and over until it is long enough.

    Args:
        clip: A clip, best with sound.
        style: A style file, the name of a bundled style, or an exported one.
        sizes: Widths and heights at which to measure, WxH, with commas.
        seconds: How long the clips are that are timed.
        minutes: Measure memory, and drift of the sound, over a clip of this length too; 0 leaves it out.
        batch: Frames at once; by default 4 on CUDA and 1 elsewhere.
        engine: What carries out the style, as for `allaprima stylize`.
        device: auto, cpu, cuda, ...
        precision: Of the computation, as for `allaprima stylize`.
        json_file: Where to write the figures as JSON.
        trust: Run machine code (.aoti.pt2), as for `allaprima stylize`.

    Returns:
        0.
    """
    import tempfile

    from allaprima.images.video import open_clip
    from allaprima.infer.bench.benchmark import circumstances
    from allaprima.infer.bench.sizes import parse_size
    from allaprima.infer.engines import load_engine

    picture_sizes = [parse_size(size) for size in sizes.split(",")]
    open_clip(clip).close()
    check_outputs((json_file,), overwrite=True)
    ready = load_engine(style, engine=engine, device=device, precision=precision, trust=trust)

    from .benchmark import make_clip, measure_endurance, measure_rates

    rates: dict[tuple[int, int], Rates] = {}
    endurance = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in picture_sizes:
            source = make_clip(clip, folder / "source.mp4", size, seconds)
            rates[size] = measure_rates(ready, source, folder, batch)
        if minutes:
            long = make_clip(clip, folder / "source.mp4", picture_sizes[0], 60 * minutes)
            endurance = measure_endurance(long, folder)
    environment = circumstances(device)
    _show(rates, endurance, environment)
    if json_file:
        rows = [{"height": size[0], "width": size[1], **rate.as_dict()} for size, rate in rates.items()]
        report = {"rates": rows, "endurance": endurance and asdict(endurance), **environment}
        write_whole(json_file, (json.dumps(report, indent=2) + "\n").encode())
    return 0


def _show(
    rates: "dict[tuple[int, int], Rates]", endurance: "Endurance | None", environment: dict[str, Any]
) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.width = max(console.width, 100)
    table = _table("size", "read", "around the network", "network alone", "file to file", "cost")
    stages = _table("size", "decode", "to RGB", "network", "to YCbCr", "encode", "rest", "file to file")
    for (height, width), rate in rates.items():
        figures = (rate.decoded, rate.unchanged, rate.network, rate.stylized)
        table.add_row(
            f"{width}x{height}",
            *(f"{figure.rate:.1f} ({figure.processor_ms:.1f} ms)" for figure in figures),
            f"{100 * rate.cost:.1f} %",
        )
        beside = rate.stages
        parts = (beside.decode, beside.to_rgb, rate.network.processor_ms, beside.to_ycbcr, beside.encode)
        whole = (*parts, rate.rest, rate.stylized.processor_ms)
        stages.add_row(f"{width}x{height}", *(f"{part:.2f} ms" for part in whole))
    console.print(table)
    console.print(
        "frames a second (and processor time of a frame); around the network: from file to file, pictures "
        "left as they are; cost: how much longer a clip takes than the network alone"
    )
    console.print(stages)
    console.print(
        "processor time of a frame, each stage by itself; rest: what passes between them, and sound"
    )
    if endurance:
        early, late = endurance.early / 1e6, endurance.late / 1e6
        console.print(
            f"{endurance.seconds / 60:.1f} minutes, pictures left as they are: {endurance.rate:.1f} "
            f"frames/s; {early:.0f} MB of memory in the second tenth, {late:.0f} MB in the last; "
            f"{endurance.frames_lost} frames lost; sound and pictures end within "
            f"{1000 * endurance.drift:.1f} ms of the clip's"
        )
    console.print(", ".join(f"{name} {value}" for name, value in environment.items()))


def _table(*headings: str) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
