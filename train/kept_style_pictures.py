"""The style pictures of a run, kept in its folder: a run goes on wherever their files are by then."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from allaprima.atomic import write_whole
from allaprima.checksum import sha256_of
from allaprima.images.picture_files import read_picture, write_picture

from .settings.parsing import ConfigError
from .style_picture import (
    MAX_PIXELS,
    StylePicture,
    picture_of,
    pixels_of,
    read_style_picture,
)

_log = logging.getLogger(__name__)

KEPT_STYLES = "style-pictures"
"""Their folder in that of a run."""

_INDEX = "styles.json"


def keep_styles(folder: Path, styles: Sequence[StylePicture]) -> None:
    """Write style pictures at their training size into a folder, and after them what is known of each."""
    folder.mkdir(exist_ok=True)
    for number, style in enumerate(styles, start=1):
        write_picture(picture_of(style.pixels), folder / _name(number))
    index = [
        {"path": str(style.path), "sha256": style.sha256, "shorter_side": style.shorter_side}
        for style in styles
    ]
    write_whole(folder / _INDEX, json.dumps(index, indent=2).encode())


def kept_styles(folder: Path) -> list[StylePicture]:
    """Return the style pictures that `keep_styles` wrote; none of a run that began before there was that.

    Raises:
        PictureError: If one of them is damaged.
        ValueError: If what is known of them is.
    """
    index = folder / _INDEX
    if not index.is_file():
        return []
    try:
        known = [
            (Path(entry["path"]), str(entry["sha256"]), int(entry["shorter_side"]))
            for entry in json.loads(index.read_bytes())
        ]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"'{index}' is damaged: {error}") from error
    pictures = [
        read_picture(folder / _name(number), max_pixels=MAX_PIXELS) for number in range(1, len(known) + 1)
    ]
    return [
        StylePicture(path, sha256, pixels_of(picture), shorter_side)
        for (path, sha256, shorter_side), picture in zip(known, pictures, strict=True)
    ]


def kept_copy(folder: Path, sha256: str) -> tuple[Path, StylePicture] | None:
    """Return the file that a style picture with a checksum is kept in, and what is known of it, if it is."""
    copies = (
        (folder / _name(number), style)
        for number, style in enumerate(kept_styles(folder), 1)
        if style.sha256 == sha256
    )
    return next(copies, None)


def styles_to_go_on_with(
    folder: Path, files: Callable[[], Sequence[Path]], size: int | None, *, named: bool
) -> list[StylePicture]:
    """Return the style pictures of a run that is resumed: those that it began with.

    Args:
        folder: Where they are kept; runs of earlier versions kept none, and read the files again.
        files: Returns where they were, or are now; asked only where that is needed.
        size: As for `read_style_picture`.
        named: Somebody has just said where they are.

    Raises:
        ConfigError: If what was named is something else.
        PictureError: If a picture cannot be read.
    """
    kept = kept_styles(folder)
    if not kept:
        return [read_style_picture(file, size) for file in files()]
    if named:
        _require_same(kept, files())
    for style in kept:
        if not named and style.path.is_file() and sha256_of(style.path) != style.sha256:
            _log.warning("'%s' changed since this run began, which goes on with what it was", style.path)
    return kept


def _require_same(kept: Sequence[StylePicture], files: Sequence[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise ConfigError(
                f"style '{file}' does not exist; leave it out, since the run keeps its own copy"
            )
    if [style.sha256 for style in kept] != [sha256_of(file) for file in files]:
        began = ", ".join(f"'{style.path.name}'" for style in kept)
        raise ConfigError(f"this run began with {began}, which is another style: start another run for it")


def _name(number: int) -> str:
    return f"{number}.png"
