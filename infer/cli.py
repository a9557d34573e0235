"""The command `info`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from allaprima.terminal import printable, say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator


def info(style_file: Path, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Show what a style file or an exported one says of itself.

    Args:
        style_file: A style file, made by `allaprima train`, the name of a bundled style, or an exported
            one: .onnx, .xml, .pt2.
        json: Print the header as JSON, whole.

    Returns:
        0.
    """
    from allaprima.models.bundled_styles import find_style
    from allaprima.models.style_file import read_header

    from .engine_table import format_of, is_style_file
    from .export.header import read_export_header

    style_file = find_style(style_file)
    if is_style_file(style_file):
        header, files = read_header(style_file).model_dump(), [style_file]
    else:
        header = read_export_header(style_file)
        files = format_of(style_file).files(style_file)
    if json:
        say_json(header)
        return 0
    size = f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
    rows = {"file": str(style_file), "file_size": size, **dict(_flattened(header))}
    column = max(len(printable(name)) for name in rows)
    for name, value in rows.items():
        say(f"{printable(name):<{column}}  {_readable(name, value)}")
    return 0


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
    from allaprima.images.thumbnail import decode_thumbnail

    pixels = decode_thumbnail(encoded)
    return "unreadable" if pixels is None else f"{pixels.shape[1]}x{pixels.shape[0]}"
