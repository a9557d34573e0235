"""Consecutive frames of clips and of what was painted of them, one above the other, to be looked at."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from allaprima.images.contact_sheet import INK, PAPER, fit_height, with_caption
from allaprima.images.pixels import Pixels

from .optical_flow import Motion, warped_back
from .steadiness import ITSELF, Steadiness

_HEIGHT = 120
"""Of a frame on the sheet."""
_GAP, _HEAD = 6, 22
_ZOOM = 2
"""How many times the middle of a frame is enlarged, next to the whole first one."""
_AMPLIFIED = 4
"""How many times lighter than they are differences between two frames are shown."""
_CAPTION = (
    "left: a frame; then: the middle of frames that follow one another, enlarged; right: by how much the "
    f"last two differ, moved onto one another, {_AMPLIFIED} times lighter"
)


def strips(clips: Sequence[Steadiness]) -> Pixels:
    """Return a sheet with a block of rows for each clip that moves, `(H, W, 3)`.

    The clip itself comes first. A row has the first of some consecutive frames whole, the middle of all of
    them, and how the last two of them differ, moved onto one another.
    """
    moving = [clip for clip in clips if clip.kind != "still"] or list(clips)
    rows = [row for clip in moving for row in _rows(clip)]
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows) + _GAP), PAPER)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return np.asarray(with_caption(sheet, _CAPTION, _GAP))


def _rows(clip: Steadiness) -> Iterator[Image.Image]:
    for label in (ITSELF, *(label for label in clip.errors if label != ITSELF)):
        mean = clip.means[label]
        frames = [views[label] for views in clip.shown]
        cells = [frames[0], *map(_middle, frames)]
        if clip.motion is not None:
            cells.append(_middle(_difference(frames[-2], frames[-1], clip.motion)))
        error = "" if mean is None else f": warping error {mean:.1f} levels"
        yield _row(f"{clip.name}, {label}{error}", cells)


def _row(title: str, frames: Sequence[Pixels]) -> Image.Image:
    cells = [fit_height(frame, _HEIGHT) for frame in frames]
    width = _GAP + sum(cell.width + _GAP for cell in cells)
    row = Image.new("RGB", (width, _HEAD + _HEIGHT), PAPER)
    ImageDraw.Draw(row).text((_GAP, 3), title, INK, ImageFont.load_default(size=14))
    left = _GAP
    for cell in cells:
        row.paste(cell, (left, _HEAD))
        left += cell.width + _GAP
    return row


def _middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    high, wide = height // _ZOOM, width // _ZOOM
    top, left = (height - high) // 2, (width - wide) // 2
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])


def _difference(before: Pixels, after: Pixels, motion: Motion) -> Pixels:
    """Return by how much a frame differs from the next one, moved back onto it: dark where it is steady."""
    apart = abs(warped_back(after, motion.flow) - before) * motion.visible[..., None]
    return (_AMPLIFIED * apart).clip(0, 255).astype(np.uint8)
