"""One picture through standard input, standard output or both, for pipes of programs."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from allaprima.atomic import write_whole
from allaprima.images.picture_files import (
    WRITABLE_SUFFIXES,
    PictureError,
    encode_picture,
    identify,
    read_picture,
    suffix_of,
)
from allaprima.output_path_checks import check_outputs, check_suffix
from allaprima.terminal import complain, say

from .pipeline.stylize_stream import FAILURES, PictureStylizer
from .planning.targets import check_format, writable_suffix
from .reports.terminal_report import only_first_frames
from .storage.url import Location, Url

STANDARD = Path("-")
"""Standard input among the pictures, and standard output as the output."""


@dataclass(frozen=True)
class Piped:
    """A picture to read, a file or bytes, and where its stylised version goes: `name` says the format."""

    source: Path | bytes
    target: Path
    name: Path


def read_standard_input(named: Sequence[str]) -> bytes:
    """Return the content of standard input where it is named, and no file is called so."""
    return sys.stdin.buffer.read() if str(STANDARD) in named and not os.path.lexists(STANDARD) else b""


def begins_as_picture(content: bytes) -> bool:
    """Return whether bytes are a picture rather than a list of names."""
    try:
        identify(BytesIO(content))
    except Exception:  # decoders raise nearly every type
        return False
    return True


def plan_piped(
    inputs: Sequence[Location | bytes], output: Location, suffix: str | None, *, overwrite: bool
) -> Piped:
    """Return what to read and write.

    Args:
        inputs: Files, or the content of standard input.
        output: A file, or `STANDARD`.
        suffix: Format of the result; None takes that of the file, and of the picture for standard output.
        overwrite: Whether a file may be replaced.

    Raises:
        ValueError: If there is not one picture, or output or format do not fit.
        FileExistsError: If the file is there and may not be replaced.
    """
    if suffix is not None and suffix not in WRITABLE_SUFFIXES:
        raise ValueError(f"unknown format '{suffix}'; expected one of {', '.join(WRITABLE_SUFFIXES)}")
    if len(inputs) != 1 or (isinstance(inputs[0], Path) and inputs[0].is_dir()):
        raise ValueError("standard input and output are for one picture; name files, or an output folder")
    (source,) = inputs
    if isinstance(source, Url) or isinstance(output, Url):
        raise ValueError("standard input and output go together with files of this machine, not with URLs")
    if output != STANDARD:
        check_suffix(output, WRITABLE_SUFFIXES)  # no folder: the picture has no name
        check_outputs([output], overwrite=overwrite)
        check_format(output, suffix)
        return Piped(source, output, output)
    if sys.stdout.isatty():
        raise ValueError("a picture would be written to the terminal: name an output, or redirect it")
    own = source.suffix if isinstance(source, Path) else suffix_of(source)
    return Piped(source, output, Path(f"output{writable_suffix(own, suffix)}"))


def stylize_piped(stylizer: PictureStylizer, piped: Piped, *, quality: int, max_pixels: int) -> int:
    """Paint one picture, say so where no picture goes, and return the exit code."""
    to_standard_output = piped.target == STANDARD
    try:
        picture = read_picture(piped.source, max_pixels=max_pixels)
        encoded = encode_picture(stylizer(picture), piped.name, quality=quality)
        if not to_standard_output:
            write_whole(piped.target, encoded)
    except FAILURES as error:
        prefix = "" if isinstance(error, PictureError) else "picture: "
        complain(f"{prefix}{error}")
        return 1
    if to_standard_output:
        sys.stdout.buffer.write(encoded)
        sys.stdout.flush()
    hint = f" ({only_first_frames(1)})" if picture.animated else ""
    say(f"1 picture stylised{hint}", file=sys.stderr if to_standard_output else None)
    return 0
