"""The command `stylize`."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from allaprima.infer.engine_table import ENGINE_HELP, EngineChoice
from allaprima.infer.precision import PrecisionChoice
from allaprima.infer.tiles.memory_budget import parse_memory


def stylize(
    style_file: Path,
    pictures: list[Path],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    null: Annotated[bool, Parameter(name=("--null", "-0"), negative=())] = False,
    shard: str | None = None,
    fail_fast: Annotated[bool, Parameter(negative=())] = False,
    max_failures: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    format: str | None = None,
    quality: Annotated[int | None, Parameter(validator=Number(gte=1, lte=100))] = None,
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
            'shots/**/*.jpg', @names.txt for the names in a file, and - for those on standard input. Of a
            .tar file the result is one too, with all else that is in it; of a .parquet file one with the
            column 'stylized' more.
        output: For one picture a file or a folder, otherwise a folder. NAME.manifest.jsonl beside a folder
            says what became of every input, and how it was painted.
        overwrite: Redo results that are there already, instead of skipping them.
        null: Names in lists end with a zero byte, as find -print0 writes them.
        shard: Do only part i of n of the pictures, i/n, for example one on each machine.
        fail_fast: Stop at the first picture that fails.
        max_failures: Stop when more than so many have failed. By default a bad picture never stops others.
        format: Format of all results: jpg, png, webp, avif or tiff.
        quality: Of JPEG, WebP and AVIF results, 1 to 100; high by default.
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
    from .containers import is_container, plan_containers, stylize_containers
    from .files import plan_jobs, shard_of
    from .inputs import expand_inputs

    suffix = f".{format.lower().removeprefix('.')}" if format else None
    limit = parse_memory(memory) if memory else None
    part = parse_shard(shard) if shard else None
    inputs = expand_inputs(pictures, null_separated=null)
    containers = plan_containers([path for path in inputs if is_container(path)], output)
    files = [path for path in inputs if not is_container(path)]
    jobs = plan_jobs(files, output, suffix=suffix) if files or not containers else []
    if part is not None:
        jobs, containers = shard_of(jobs, output, *part), shard_of(containers, output, *part)

    from allaprima.images.picture_files import DEFAULT_QUALITY
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
        trust=trust,
    )
    options: dict[str, Any] = {
        "overwrite": overwrite,
        "quality": quality or DEFAULT_QUALITY,
        "max_pixels": max_pixels,
    }

    def start(on_share: Callable[[float], None]) -> Iterator[Outcome]:
        large = stylizer.large_pictures
        return chain(
            stylize_files(stylizer, jobs, large=large, on_share=on_share, **options),
            stylize_containers(stylizer, containers, suffix=suffix, **options),
        )

    total = None if containers else len(jobs)
    allowed = 0 if fail_fast else max_failures
    if [job.target for job in jobs] == [output] and not containers:
        return report(total, start, max_failures=allowed)
    settings = job_settings(style_file, **stylizer.settings, quality=quality or DEFAULT_QUALITY)
    with Manifest(manifest_path(output, part), settings, anew=overwrite) as manifest:
        return report(total, lambda on_share: manifest.recorded(start(on_share)), max_failures=allowed)


def parse_shard(text: str) -> tuple[int, int]:
    """Return i and n of `i/n`, or raise ValueError."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(count)):
        raise ValueError(f"shard is '{text}'; expected i/n, such as 1/4")
    return int(index), int(count)
