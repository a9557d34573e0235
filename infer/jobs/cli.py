"""The command `stylize`."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.images.background import background_colour
from allaprima.infer.engine_table import ENGINE_HELP, EngineChoice
from allaprima.infer.precision import PrecisionChoice
from allaprima.infer.tiles.memory_budget import parse_memory

if TYPE_CHECKING:
    from .cluster.resources import Resources
    from .painters import Painter
    from .writing import Writing


def _no_option(kind: type, names: str | list[str]) -> None:
    """Raise ValueError for an option that is none: cyclopts takes `-` for a name only if it takes all."""
    for name in [names] if isinstance(names, str) else names:
        if name.startswith("-") and name != "-":
            raise ValueError(f"there is no option {name} here; a file of that name is ./{name}")


_NAMES = Parameter(allow_leading_hyphen=True, validator=_no_option)


def stylize(
    style_file: Path,
    pictures: Annotated[list[str], _NAMES],
    /,
    *,
    output: Annotated[str, _NAMES, Parameter(alias="-o")],
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    null: Annotated[bool, Parameter(name=("--null", "-0"), negative=())] = False,
    shard: str | None = None,
    fail_fast: Annotated[bool, Parameter(negative=())] = False,
    max_failures: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    format: str | None = None,
    quality: Annotated[int | None, Parameter(validator=Number(gte=1, lte=100))] = None,
    color: Literal["style", "keep"] = "style",
    background: str = "white",
    max_side: Annotated[int | None, Parameter(validator=Number(gte=16))] = None,
    detail: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0,
    max_pixels: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    memory: str | None = None,
    tiles: Literal["auto", "exact", "fast"] = "auto",
    batch: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    engine: Annotated[EngineChoice, Parameter(help=ENGINE_HELP)] = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    trust: Annotated[bool, Parameter(negative=())] = False,
    cluster: Literal["ray"] | None = None,
    address: str | None = None,
    workers: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    worker_cpus: Annotated[float, Parameter(validator=Number(gte=0))] = 1,
    worker_gpus: Annotated[float, Parameter(validator=Number(gte=0))] = 0,
) -> int:
    """Paint pictures in a trained style.

    Results have exactly the size of their pictures, keep transparency, and keep the format where
    it can be written. Pictures that cannot be read are reported and the others go on.

    Args:
        style_file: A style file, made by `allaprima train`, the name of a bundled style (`allaprima styles`
            lists them), or an exported one: .onnx, .xml, .pt2.
        pictures: Picture files, folders to search for pictures recursively, patterns such as
            'shots/**/*.jpg', @names.txt for the names in a file, and - for standard input, a picture or
            names. Of a .tar file, or .tar.gz, the result is a .tar too, with all else that is in it; of a
            .parquet file one with the column 'stylized' more. All of these may be URLs that fsspec knows:
            s3://bucket/folder, gs://, ...
        output: For one picture a file, a folder/, or - for standard output; otherwise a folder, or for all
            pictures together a .tar or .parquet file. Also the URL of one of them. NAME.manifest.jsonl beside
            it says what became of every input, and how it was painted.
        overwrite: Redo results that are there already, instead of skipping them.
        null: Names in lists end with a zero byte, as find -print0 writes them.
        shard: Do only part i of n of the pictures, i/n, for example one on each machine.
        fail_fast: Stop at the first picture that fails.
        max_failures: Stop when more than so many have failed. By default a bad picture never stops others.
        format: Format of all results: jpg, png, webp, avif or tiff.
        quality: Of JPEG, WebP and AVIF results, 1 to 100; high by default.
        color: style paints in the style's colours, keep in the picture's own.
        background: Colour that is painted where nothing can be seen of a transparent picture, and that it is
            put on where the format has no transparency: white, black, another name, or '#rrggbb'.
        max_side: Reduce pictures with a longer side to this many pixels before, and enlarge the
            result to the picture's own size. Saves memory and time; makes the strokes larger.
        detail: With --max-side, how much of the photograph's fine light and shade comes back afterwards: 1 is
            all that was lost by painting smaller.
        max_pixels: Refuse to read pictures with more pixels than this. By default PNG, JPEG and TIFF have no
            limit, and what has to be decoded whole one of 89 million.
        memory: How much the process may take at its peak, such as 2G; by default what is free. Pictures that
            need more are painted in tiles, or by an exported file refused.
        tiles: exact paints in tiles what it paints in one piece, by way of a disk; fast takes the statistics
            of a reduced picture, which shows; auto is exact where the disk has room.
        batch: Pictures of one size that are computed at once; more than one is for GPUs.
        engine: What carries it out.
        device: auto, cpu, cuda, cuda:1, mps, ...
        precision: Of the computation; auto is an exported file's own, float16 on CUDA, bfloat16 in OpenVINO
            where the CPU has it, and otherwise float32. Only exported files have int8.
        trust: Run machine code (.aoti.pt2), which can do whatever you can: only if you made it, or know
            who did. No other file needs that.
        cluster: Do the work on the machines of a Ray cluster. Inputs and output have to be where all of them
            find them: URLs, or a shared disk.
        address: Of the cluster, such as 10.0.0.1:6379; by default the one that RAY_ADDRESS names, or one of
            this machine alone.
        workers: How many processes paint; by default as many as the cluster has room for.
        worker_cpus: Cores for each of them.
        worker_gpus: GPUs for each of them, 1 or a part of one.

    Returns:
        0, or 1 if some pictures failed.
    """
    from .cluster.resources import Resources
    from .planning.inputs import expand_inputs
    from .planning.plan import make_plan
    from .standard_streams import STANDARD, begins_as_picture, plan_piped, read_standard_input
    from .storage.url import location

    if fail_fast and max_failures is not None:
        raise ValueError("fail_fast stops at the first failure: leave it out, or max_failures")
    suffix = f".{format.lower().removeprefix('.')}" if format else None
    part = parse_shard(shard) if shard else None
    target, piped, plan = location(output), None, None
    content = read_standard_input(pictures)
    if begins_as_picture(content):
        others = [location(name) for name in pictures if name != str(STANDARD)]
        piped = plan_piped([content, *others], target, suffix, overwrite=overwrite)
    else:
        inputs = expand_inputs(pictures, null_separated=null, stdin=BytesIO(content))
        if target == STANDARD:
            piped = plan_piped(inputs, target, suffix, overwrite=overwrite)
        else:
            into_folder = output.endswith(("/", os.sep))
            plan = make_plan(inputs, target, suffix=suffix, part=part, into_folder=into_folder)
    loading = {
        "engine": engine,
        "device": device,
        "precision": precision,
        "max_side": max_side,
        "detail": detail,
        "tiles": tiles,
        "memory": parse_memory(memory) if memory else None,
        "batch": batch,
        "color": color,
        "background": background_colour(background),
        "trust": trust,
    }
    resources = Resources(workers, worker_cpus, worker_gpus)
    if cluster is None and (address, resources) != (None, Resources()):
        raise ValueError("address, workers and what they take are for a job on a cluster; give --cluster ray")
    if cluster is not None and piped is not None:
        raise ValueError("standard input and output are for this machine; leave out --cluster")
    if part is not None and piped is not None:
        raise ValueError("standard input and output are for one picture; leave out --shard")
    if cluster is not None and plan is not None and plan.into_file:
        raise ValueError(f"'{output}' is one file, which many machines cannot write; give a folder")

    # Loads torch, or another runtime, so not before the arguments proved right.
    from allaprima.images.picture_files import DEFAULT_QUALITY

    from .carry_out import carry_out, carry_out_piped
    from .writing import Writing

    writing = Writing(suffix, quality or DEFAULT_QUALITY, max_pixels, overwrite)
    if piped is not None:
        return carry_out_piped(piped, style_file, loading, writing)
    assert plan is not None
    with _painter(style_file, loading, writing, cluster, address, resources) as painter:
        allowed = 0 if fail_fast else max_failures
        return carry_out(plan, painter, style_file, writing, max_failures=allowed)


def _painter(
    style_file: Path,
    loading: Mapping[str, Any],
    writing: "Writing",
    cluster: str | None,
    address: str | None,
    resources: "Resources",
) -> AbstractContextManager["Painter"]:
    """Return what paints: this process, or the machines of a cluster."""
    if cluster is None:
        from allaprima.infer.stylize import Stylizer

        from .painters import LocalPainter

        return nullcontext(LocalPainter(Stylizer.load(style_file, **loading), writing))
    from .cluster.ray_painter import ray_painter

    return ray_painter(address, style_file, loading, writing, resources)


def parse_shard(text: str) -> tuple[int, int]:
    """Return i and n of `i/n`, or raise ValueError."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(count)):
        raise ValueError(f"shard is '{text}'; expected i/n, such as 1/4")
    return int(index), int(count)
