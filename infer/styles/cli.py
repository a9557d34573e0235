"""The command `allaprima styles`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter

from allaprima.output_path_checks import check_outputs, check_suffix
from allaprima.terminal import printable, say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allaprima.images.picture_files import Picture
    from allaprima.images.pixels import Pixels
    from allaprima.models.style_file import StyleHeader

SHEET = Path("styles.png")
"""Where the sheet goes if nobody says."""

PAINTED_SIDE = 768
"""Longer side in pixels that a preview is painted at, so that strokes look as they do on larger pictures."""


class BundledStyle(NamedTuple):
    """A bundled style, without its weights."""

    name: str
    path: Path
    header: "StyleHeader"


def styles(
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    preview: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List the bundled styles, and write a sheet with their pictures.

    Args:
        output: The sheet; styles.png if not given, where there is none yet.
        preview: A photograph to show on the sheet as painted in each style.
        overwrite: Replace a sheet that is there.
        json: Print what the files say of themselves as JSON, and write a sheet only if --output or --preview
            asks for one.

    Returns:
        0.
    """
    from allaprima.images.picture_files import read_picture

    sheet, asked = output or SHEET, output is not None or preview is not None
    kept = sheet.exists() and not overwrite
    if asked:
        _check_output(sheet, overwrite=overwrite)
    photograph = None if preview is None else read_picture(preview)
    bundled = _read_bundled()
    _print_json(bundled) if json else _print_table(bundled)
    if asked:
        _write_sheet(bundled, sheet, photograph)
    elif not (json or kept):
        try:
            _write_sheet(bundled, sheet, None)
        except OSError as error:
            say(f"no sheet: {error}")  # nobody asked for one
            return 0
    if not json:
        say(f"sheet: {sheet}" + (" (there already; --overwrite makes it anew)" if kept else ""))
    return 0


def _read_bundled() -> "list[BundledStyle]":
    """Return what is installed.

    Raises:
        ValueError: If a file is damaged, or none is there.
    """
    from allaprima.models.bundled_styles import bundled_styles
    from allaprima.models.style_file import read_header

    try:
        bundled = [BundledStyle(name, path, read_header(path)) for name, path in bundled_styles().items()]
    except ValueError as error:
        raise ValueError(f"{error}; install allaprima again") from error
    if not bundled:
        raise ValueError("no bundled styles are installed; install allaprima again")
    return bundled


def _check_output(sheet: Path, *, overwrite: bool) -> None:
    """Raise now, rather than after painting, if the sheet cannot be written."""
    from allaprima.images.picture_files import WRITABLE_SUFFIXES

    check_suffix(sheet, WRITABLE_SUFFIXES)
    check_outputs((sheet,), overwrite=overwrite)


def _print_json(bundled: "Sequence[BundledStyle]") -> None:
    listed = [
        {"name": name, "file": str(path), "file_size": path.stat().st_size, **header.model_dump(mode="json")}
        for name, path, header in bundled
    ]
    say_json(listed)


def _print_table(bundled: "Sequence[BundledStyle]") -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, pad_edge=False)
    for heading in ("style", "picture", "steps", "author", "licence", "size"):
        table.add_column(heading, justify="right" if heading in ("steps", "size") else "left", no_wrap=True)
    for name, path, header in bundled:
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        author, licence = header.author or "not stated", header.licence or "not stated"
        table.add_row(*map(printable, (name, header.style_name, header.steps, author, licence, size)))
    console = Console(markup=False, highlight=False, emoji=False)
    console.width = max(console.width, 100)  # of a file or a pipe it is 80, and columns would be cut
    console.print(table)
    say(f"paint in one of them: allaprima stylize {bundled[0].name} photo.jpg -o painted.jpg")


def _write_sheet(bundled: "Sequence[BundledStyle]", sheet: Path, photograph: "Picture | None") -> None:
    from allaprima.images.picture_files import Picture, write_picture
    from allaprima.images.thumbnail import decode_thumbnail

    from .sheet import Entry, style_sheet

    entries = [
        Entry(
            name,
            f"{header.steps} steps, {header.licence or 'licence not stated'}",
            decode_thumbnail(header.style_thumbnail),
            None if photograph is None else _painted(path, photograph),
        )
        for name, path, header in bundled
    ]
    write_picture(Picture(style_sheet(entries)), sheet)


def _painted(path: Path, photograph: "Picture") -> "Pixels":
    from allaprima.infer.stylize import Stylizer  # loads torch

    return Stylizer.load(path, max_side=PAINTED_SIDE)(photograph).rgb
