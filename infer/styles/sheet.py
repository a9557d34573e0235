"""Styles side by side: their pictures, and a photograph painted in each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from allaprima.images.contact_sheet import INK, PAPER, fit_box
from allaprima.images.pixels import Pixels

THUMBNAIL = 128
"""Side of the box that a style picture is fitted into: thumbnails in style files are no larger."""
PREVIEW = (360, 240)
"""Width and height of the box that a painted photograph is fitted into."""

_GAP, _MARGIN = 20, 10
_MAT = (239, 236, 229)
_GREY = (125, 121, 112)
_NAME_SIZE, _DETAIL_SIZE = 16, 12


@dataclass(frozen=True, eq=False)
class Entry:
    """One style on the sheet.

    Attributes:
        name: What it is called.
        detail: A line below the name.
        picture: The style picture, `(H, W, 3)`, or None if the file has none.
        painted: A photograph painted in it, `(H, W, 3)`, or None.
    """

    name: str
    detail: str
    picture: Pixels | None
    painted: Pixels | None = None


def style_sheet(entries: Sequence[Entry]) -> Pixels:
    """Return the entries in rows of up to four, or of up to two if photographs are painted, `(H, W, 3)`.

    Raises:
        ValueError: If there is none.
    """
    if not entries:
        raise ValueError("there are no styles to show")
    cells = _cells(entries)
    width, height = max(cell.width for cell in cells), max(cell.height for cell in cells)
    rows = math.ceil(len(cells) / (2 if any(entry.painted is not None for entry in entries) else 4))
    columns = math.ceil(len(cells) / rows)
    sheet = Image.new("RGB", (_GAP + columns * (width + _GAP), _GAP + rows * (height + _GAP)), PAPER)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        sheet.paste(cell, (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    return np.asarray(sheet)


def _cells(entries: Sequence[Entry]) -> list[Image.Image]:
    """Return style pictures with captions below, painted photographs to the right of them."""
    titled = [_titled(entry) for entry in entries]
    left = max(image.width for image in titled)
    cells = []
    for entry, image in zip(entries, titled, strict=True):
        painted = None if entry.painted is None else fit_box(entry.painted, *PREVIEW)
        width = left + (_MARGIN + painted.width if painted else 0)
        cell = Image.new("RGB", (width, max(image.height, painted.height if painted else 0)), PAPER)
        cell.paste(image)
        if painted:
            cell.paste(painted, (left + _MARGIN, 0))
        cells.append(cell)
    return cells


def _titled(entry: Entry) -> Image.Image:
    """Return a style picture on a square mat, its name and detail below."""
    name, detail = ImageFont.load_default(_NAME_SIZE), ImageFont.load_default(_DETAIL_SIZE)
    side = THUMBNAIL + 2 * _MARGIN
    width = math.ceil(max(side, name.getlength(entry.name), detail.getlength(entry.detail)))
    image = Image.new("RGB", (width, side + 2 * _NAME_SIZE + _DETAIL_SIZE), PAPER)
    image.paste(_MAT, (0, 0, side, side))
    if entry.picture is not None:
        picture = fit_box(entry.picture, THUMBNAIL, THUMBNAIL)
        image.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    draw = ImageDraw.Draw(image)
    draw.text((0, side + 6), entry.name, INK, name)
    draw.text((0, side + 10 + _NAME_SIZE), entry.detail, _GREY, detail)
    return image
