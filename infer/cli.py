"""The commands `stylize` and `info`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .jobs import Job, Outcome


def stylize(
    style_file: Path,
    pictures: list[Path],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    format: str | None = None,
    quality: Annotated[int | None, Parameter(validator=Number(gte=1, lte=100))] = None,
    max_side: Annotated[int | None, Parameter(validator=Number(gte=16))] = None,
    max_pixels: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    memory: str | None = None,
    tiles: Literal["auto", "exact", "fast"] = "auto",
    engine: Literal["auto", "eager", "compiled", "onnx", "openvino", "aoti"] = "auto",
    device: str = "auto",
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto",
) -> int:
    """Paint pictures in a trained style.

    Results have exactly the size of their pictures, keep transparency, and keep the format where
    it can be written. Pictures that cannot be read are reported and the others go on.

    Args:
        style_file: A style file, made by `allaprima train`, the name of a bundled style (`allaprima styles`
            lists them), or an exported one: .onnx, .xml, .pt2.
        pictures: Picture files, and folders to search for pictures recursively.
        output: For one picture a file or a folder, otherwise a folder.
        overwrite: Redo results that are there already, instead of skipping them.
        format: Format of all results: jpg, png, webp, avif or tiff.
        quality: Of JPEG, WebP and AVIF results, 1 to 100; high by default.
        max_side: Reduce pictures with a longer side to this many pixels before, and enlarge the
            result to the picture's own size. Saves memory and time; makes the strokes larger.
        max_pixels: Refuse to read pictures with more pixels than this. By default PNG, JPEG and TIFF have no
            limit, and what has to be decoded whole one of 89 million.
        memory: How much the process may take at its peak, such as 2G; by default what is free. Pictures that
            need more are painted in tiles.
        tiles: exact paints in tiles what it paints in one piece, by way of a disk; fast takes the statistics
            of a reduced picture, which shows; auto is exact where the disk has room.
        engine: What carries it out. auto is an exported file's own; for a style file OpenVINO where it is
            installed and the CPU has bfloat16 arithmetic, otherwise eager. A style file is converted for
            onnx, openvino and aoti once; compiled starts slowly every time and is for many pictures.
        device: auto, cpu, cuda, cuda:1, mps, ...
        precision: Of the computation; auto is an exported file's own, float16 on CUDA, bfloat16 in OpenVINO
            where the CPU has it, and otherwise float32.

    Returns:
        0, or 1 if some pictures failed.
    """
    from allaprima.images.picture import DEFAULT_QUALITY

    from .jobs import plan_jobs, stylize_files
    from .tiles.budget import parse_memory

    suffix = f".{format.lower().removeprefix('.')}" if format else None
    limit = parse_memory(memory) if memory else None
    jobs = plan_jobs(pictures, output, suffix=suffix)

    from .stylize import Stylizer

    # Loads torch, or another runtime, so not before the arguments proved right.
    stylizer = Stylizer.load(
        style_file,
        engine=engine,
        device=device,
        precision=precision,
        max_side=max_side,
        tiles=tiles,
        memory=limit,
    )
    outcomes = stylize_files(
        stylizer,
        jobs,
        overwrite=overwrite,
        quality=quality or DEFAULT_QUALITY,
        max_pixels=max_pixels,
        large=stylizer.large_pictures,
    )
    return _report(jobs, outcomes)


def info(style_file: Path, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Show what a style file or an exported one says of itself.

    Args:
        style_file: A style file, made by `allaprima train`, the name of a bundled style, or an exported
            one: .onnx, .xml, .pt2.
        json: Print the header as JSON, whole.

    Returns:
        0.
    """
    from json import dumps

    from allaprima.models.bundled import find_style
    from allaprima.models.style_file import read_header

    from .export.header import SUFFIXES, read_export_header

    style_file = find_style(style_file)
    exported = style_file.suffix.lower() in SUFFIXES
    header = read_export_header(style_file) if exported else read_header(style_file).model_dump()
    if json:
        print(dumps(header, indent=2, ensure_ascii=False))
        return 0
    weights = style_file.with_suffix(".bin")
    files = [style_file, weights] if style_file.suffix.lower() == ".xml" else [style_file]
    size = f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
    rows = {"file": str(style_file), "file_size": size, **dict(_flattened(header))}
    column = max(len(name) for name in rows)
    for name, value in rows.items():
        print(f"{name:<{column}}  {_readable(name, value)}")
    return 0


def _report(jobs: "Sequence[Job]", outcomes: "Iterator[Outcome]") -> int:
    """Draw the progress, print failures as they happen and a summary; return the exit code."""
    from collections import Counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from allaprima.images.picture import TooManyPixelsError

    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    columns = (TextColumn("stylising"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = len(jobs) > 1 and console.is_terminal
    counts: Counter[str] = Counter()
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        for outcome in progress.track(outcomes, total=len(jobs)):
            counts[outcome.status] += 1
            if outcome.status == "failed":
                hint = (
                    "; --max-pixels raises the limit" if isinstance(outcome.error, TooManyPixelsError) else ""
                )
                console.print(f"error: {outcome.message}{hint}")
    counted = [f"{counts['stylized']} picture{'' if counts['stylized'] == 1 else 's'} stylised"]
    if counts["failed"]:
        counted.append(f"{counts['failed']} failed")
    if counts["skipped"]:
        counted.append(f"{counts['skipped']} skipped (already there; --overwrite redoes them)")
    print(", ".join(counted))
    return 1 if counts["failed"] else 0


def _flattened(settings: dict[str, Any], prefix: str = "") -> "Iterator[tuple[str, Any]]":
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _readable(name: str, value: Any) -> str:
    if name.endswith("thumbnail") and value:
        return _describe_thumbnail(value)
    if value is None or value == "":
        return "not stated"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _describe_thumbnail(encoded: str) -> str:
    import base64
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
            return f"{image.width}x{image.height} {image.format}"
    except (ValueError, UnidentifiedImageError):
        return "unreadable"
