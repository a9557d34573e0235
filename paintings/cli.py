"""The command `python -m allaprima.paintings`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from allaprima.images.picture_files import DEFAULT_QUALITY, WRITABLE_SUFFIXES, Picture, write_picture
from allaprima.output_path_checks import check_outputs, check_suffix
from allaprima.terminal import complain, say

from . import PAINTINGS
from .canvas import MINIMUM_SIZE


def paint(
    name: str,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    size: Annotated[int, Parameter(validator=Number(gte=MINIMUM_SIZE))] = 512,
    seed: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    quality: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = DEFAULT_QUALITY,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Paint a style picture of the project's own.

    Args:
        name: Which one: brush-strokes, mosaic, stained-glass or woodcut.
        output: The picture to write.
        size: Pixels a side.
        seed: Another one gives another picture of its kind.
        quality: Of JPEG, WebP and AVIF, 1 to 100.
        overwrite: Replace the output if it is there.
    """
    if name not in PAINTINGS:
        raise ValueError(f"unknown painting '{name}'; there are {', '.join(PAINTINGS)}")
    check_suffix(output, WRITABLE_SUFFIXES)
    check_outputs((output,), overwrite=overwrite)
    write_picture(Picture(PAINTINGS[name](size, seed)), output, quality=quality)
    say(f"{output}: {size}x{size}, seed {seed}")


def main(arguments: Sequence[str]) -> int:
    """Run the command; a user's mistake gives its message and exit code 2."""
    app = App(name="python -m allaprima.paintings", help_on_error=False)
    app.default(paint)
    try:
        app(list(arguments), result_action="return_value", exit_on_error=True)
    except (ValueError, OSError, MemoryError) as error:
        complain(error)
        return 2
    return 0
