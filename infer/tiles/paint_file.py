"""A picture's file to a painted file, neither of them ever whole in memory."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from allaprima.images.background import WHITE
from allaprima.images.colour import ColorChoice, with_colours_of
from allaprima.images.large_picture_files import (
    STRIP_ROWS,
    NotInStripsError,
    PictureFacts,
    encode_raw,
    encodes_raw,
    read_strips,
    reads_strips,
)
from allaprima.images.picture_files import Picture, read_picture, write_picture
from allaprima.unfinished_files import scratch_folder

from .feature_maps import FileMap
from .painter import TilePainter
from .windows import Window


def paint_file(
    painter: TilePainter,
    source: Path,
    target: Path,
    *,
    facts: PictureFacts,
    quality: int,
    max_pixels: int,
    color: ColorChoice = "style",
    background: str = WHITE,
) -> Iterator[float]:
    """Paint a picture's file, and yield now and then which share of the work is done.

    PNG, JPEG and TIFF are read and written strip by strip; other formats are decoded and encoded whole, as
    bytes. What does not fit in memory lies in a hidden folder beside the target meanwhile.

    Args:
        painter: What paints.
        source: The file.
        target: Where the result goes, replaced if it exists.
        facts: From `picture_facts`.
        quality: As for `write_picture`.
        max_pixels: As for `read_picture`, of formats that are decoded whole.
        color: The style's colours, or those of the picture.
        background: As for `Stylizer`.

    Raises:
        PictureError: If the picture cannot be read.
        ValueError: If the target's format is too small for the picture.
        OSError: If the disk is full or the target cannot be written.
    """
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(target.parent))
        size = (facts.height, facts.width)
        rgb, alpha, painted = (
            stack.enter_context(closing(FileMap(scratch / name, *size, depth, torch.uint8)))
            for name, depth in (("rgb.raw", 3), ("alpha.raw", 1), ("painted.raw", 3))
        )
        transparent = _unpack(source, facts, max_pixels, background, (rgb, alpha))
        yield from painter.paint(rgb, painted, name=f"'{source}'", folder=scratch)
        if color == "keep":
            _recolour(painted, rgb)
        rgb.close()
        opacity = alpha if transparent else None
        if encodes_raw(target):
            opacity_file = opacity.path if opacity else None
            options: dict[str, Any] = {"size": size, "quality": quality, "background": background}
            encode_raw(painted.path, opacity_file, target, **options)
        else:
            whole = replace(_whole(painted, opacity), background=background)
            write_picture(whole, target, quality=quality)


def _unpack(
    source: Path, facts: PictureFacts, max_pixels: int, background: str, maps: tuple[FileMap, FileMap]
) -> bool:
    """Decode a picture into files of bare pixels, RGB and alpha, and return whether it has transparency."""
    try:
        with read_strips(source, facts) if reads_strips(facts) else _in_one(source, max_pixels) as strips:
            return _write((strip.filled(background) for strip in strips), *maps)
    except NotInStripsError:
        with _in_one(source, max_pixels) as strips:
            return _write((strip.filled(background) for strip in strips), *maps)


def _write(strips: Iterator[Picture], rgb: FileMap, alpha: FileMap) -> bool:
    row, transparent = 0, False
    for strip in strips:
        window = Window(row, row + strip.height, 0, strip.width)
        rgb.write(window, torch.from_numpy(strip.rgb))
        if strip.alpha is not None:
            alpha.write(window, torch.from_numpy(strip.alpha[..., None]))
            transparent = True
        row = window.bottom
    return transparent


def _recolour(painted: FileMap, rgb: FileMap) -> None:
    """Give what is painted the colours of the picture."""
    for top in range(0, rgb.height, STRIP_ROWS):
        window = Window(top, min(top + STRIP_ROWS, rgb.height), 0, rgb.width)
        colours = with_colours_of(rgb.read(window).numpy(), painted.read(window).numpy())
        painted.write(window, torch.from_numpy(colours))


@contextmanager
def _in_one(source: Path, max_pixels: int) -> Iterator[Iterator[Picture]]:
    yield iter([read_picture(source, max_pixels=max_pixels)])


def _whole(rgb: FileMap, alpha: FileMap | None) -> Picture:
    everything = Window(0, rgb.height, 0, rgb.width)
    opacity = None if alpha is None else alpha.read(everything)[..., 0].numpy()
    return Picture(rgb.read(everything).numpy(), opacity)
