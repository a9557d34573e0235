"""The command `stylize`."""

import os
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.infer.engine_table import ENGINE_HELP, EngineChoice
from allaprima.infer.precision import PrecisionChoice
from allaprima.infer.tiles.memory_budget import parse_memory

if TYPE_CHECKING:
    from .files import Job


def _no_option(kind: type, names: str | list[Path]) -> None:
    """Raise ValueError for an option that is none: cyclopts takes `-` for a name only if it takes all."""
    for name in map(str, [names] if isinstance(names, str) else names):
        if name.startswith("-") and name != "-":
            raise ValueError(f"there is no option {name} here; a file of that name is ./{name}")


_NAMES = Parameter(allow_leading_hyphen=True, validator=_no_option)


def stylize(
    style_file: Path,
    pictures: Annotated[list[Path], _NAMES],
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
) -> int:
    """Paint pictures in a trained style.

    Results have exactly the size of their pictures, keep transparency, and keep the format where
    it can be written. Pictures that cannot be read are reported and the others go on.

    Args:
        style_file: A style file, made by `allaprima train`, the name of a bundled style (`allaprima styles`
            lists them), or an exported one: .onnx, .xml, .pt2.
        pictures: Picture files, folders to search for pictures recursively, patterns such as
            'shots/**/*.jpg', @names.txt for the names in a file, and - for standard input, a picture or
            names. Of a .tar file the result is one too, with all else that is in it; of a .parquet file one
            with the column 'stylized' more.
        output: For one picture a file, a folder/, or - for standard output; otherwise a folder.
            NAME.manifest.jsonl beside a folder says what became of every input, and how it was painted.
        overwrite: Redo results that are there already, instead of skipping them.
        null: Names in lists end with a zero byte, as find -print0 writes them.
        shard: Do only part i of n of the pictures, i/n, for example one on each machine.
        fail_fast: Stop at the first picture that fails.
        max_failures: Stop when more than so many have failed. By default a bad picture never stops others.
        format: Format of all results: jpg, png, webp, avif or tiff.
        quality: Of JPEG, WebP and AVIF results, 1 to 100; high by default.
        color: style paints in the style's colours, keep in the picture's own.
        max_side: Reduce pictures with a longer side to this many pixels before, and enlarge the
            result to the picture's own size. Saves memory and time; makes the strokes larger.
        detail: With --max-side, how much of the photograph's fine light and shade comes back afterwards: 1 is
            all that was lost by painting smaller.
        max_pixels: Refuse to read pictures with more pixels than this. By default PNG, JPEG and TIFF have no
            limit, and what has to be decoded whole one of 89 million.
        memory: How much the process may take at its peak, such as 2G; by default what is free. Pictures that
            need more are painted in tiles.
        tiles: exact paints in tiles what it paints in one piece, by way of a disk; fast takes the statistics
            of a reduced picture, which shows; auto is exact where the disk has room.
        batch: Pictures of one size that are computed at once; more than one is for GPUs.
        engine: What carries it out.
        device: auto, cpu, cuda, cuda:1, mps, ...
        precision: Of the computation; auto is an exported file's own, float16 on CUDA, bfloat16 in OpenVINO
            where the CPU has it, and otherwise float32. Only exported files have int8.
        trust: Run machine code (.aoti.pt2), which can do whatever you can: only if you made it, or know
            who did. No other file needs that.

    Returns:
        0, or 1 if some pictures failed.
    """
    from .containers import stylize_containers
    from .inputs import expand_inputs
    from .standard_streams import STANDARD, begins_as_picture, plan_piped, read_standard_input, stylize_piped

    suffix = f".{format.lower().removeprefix('.')}" if format else None
    limit = parse_memory(memory) if memory else None
    part = parse_shard(shard) if shard else None
    target, piped, plan = Path(output), None, _Plan([], [])
    content = read_standard_input(pictures)
    if begins_as_picture(content):
        others = [path for path in pictures if path != STANDARD]
        piped = plan_piped([content, *others], target, suffix, overwrite=overwrite)
    else:
        inputs = expand_inputs(pictures, null_separated=null, stdin=BytesIO(content))
        if target == STANDARD:
            piped = plan_piped(inputs, target, suffix, overwrite=overwrite)
        else:
            plan = _plan(inputs, target, suffix, part, into_folder=output.endswith(("/", os.sep)))

    from allaprima.images.picture_files import DEFAULT_MAX_PIXELS, DEFAULT_QUALITY
    from allaprima.infer.stylize import Stylizer

    from .manifest import Manifest, job_settings, manifest_path
    from .report_cli import report
    from .stylize_files import Outcome, stylize_files

    # Loads torch, or another runtime, so not before the arguments proved right.
    stylizer = Stylizer.load(
        style_file,
        engine=engine,
        device=device,
        precision=precision,
        max_side=max_side,
        detail=detail,
        tiles=tiles,
        memory=limit,
        batch=batch,
        color=color,
        trust=trust,
    )
    quality = quality or DEFAULT_QUALITY
    if piped is not None:
        return stylize_piped(stylizer, piped, quality=quality, max_pixels=max_pixels or DEFAULT_MAX_PIXELS)
    options: dict[str, Any] = {"overwrite": overwrite, "quality": quality, "max_pixels": max_pixels}

    def start(on_share: Callable[[float], None]) -> Iterator[Outcome]:
        large = stylizer.large_pictures
        return chain(
            stylize_files(stylizer, plan.jobs, large=large, on_share=on_share, **options),
            stylize_containers(stylizer, plan.containers, suffix=suffix, **options),
        )

    total = None if plan.containers else len(plan.jobs)
    allowed = 0 if fail_fast else max_failures
    if [job.target for job in plan.jobs] == [target] and not plan.containers:
        return report(total, start, max_failures=allowed)
    settings = job_settings(style_file, **stylizer.settings, quality=quality)
    with Manifest(manifest_path(target, part), settings, anew=overwrite) as manifest:
        return report(total, lambda on_share: manifest.recorded(start(on_share)), max_failures=allowed)


class _Plan(NamedTuple):
    """What is read and written: files of one picture, and files of many."""

    jobs: "list[Job]"
    containers: "list[Job]"


def _plan(
    inputs: Sequence[Path],
    output: Path,
    suffix: str | None,
    part: tuple[int, int] | None,
    *,
    into_folder: bool,
) -> _Plan:
    from .containers import is_container, plan_containers
    from .files import plan_jobs, shard_of

    containers = plan_containers([path for path in inputs if is_container(path)], output)
    files = [path for path in inputs if not is_container(path)]
    jobs = []
    if files or not containers:
        jobs = plan_jobs(files, output, suffix=suffix, into_folder=into_folder)
    if part is None:
        return _Plan(jobs, containers)
    return _Plan(shard_of(jobs, output, *part), shard_of(containers, output, *part))


def parse_shard(text: str) -> tuple[int, int]:
    """Return i and n of `i/n`, or raise ValueError."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(count)):
        raise ValueError(f"shard is '{text}'; expected i/n, such as 1/4")
    return int(index), int(count)
