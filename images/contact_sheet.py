"""A style, photographs and what became of them, side by side on one sheet."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .pixels import Pixels

PAPER = (250, 249, 246)
INK = (60, 58, 54)


def contact_sheet(
    style: Pixels,
    photographs: Sequence[Pixels],
    results: Sequence[Pixels],
    *,
    height: int = 256,
    gap: int = 12,
    caption: str = "",
) -> Pixels:
    """Return the style picture on the left, the photographs in a row and the results below them.

    Args:
        style: The style picture, `(H, W, 3)`.
        photographs: The photographs, `(H, W, 3)` each.
        results: As many results, in the same order.
        height: Height of the photographs on the sheet, in pixels.
        gap: Space between pictures, in pixels.
        caption: Lines of text below everything.

    Returns:
        The sheet, `(H, W, 3)`.

    Raises:
        ValueError: If there are not as many results as photographs, or none.
    """
    if not photographs or len(photographs) != len(results):
        raise ValueError(
            f"{len(photographs)} photographs and {len(results)} results; expected as many, at least one"
        )
    columns = [
        (fit_height(photograph, height), fit_height(result, height))
        for photograph, result in zip(photographs, results, strict=True)
    ]
    painting = fit_box(style, round(1.4 * height), 2 * height + gap)
    width = painting.width + sum(above.width + gap for above, _ in columns) + 2 * gap
    sheet = Image.new("RGB", (width, 2 * height + 3 * gap), PAPER)
    sheet.paste(painting, (gap, gap + (2 * height + gap - painting.height) // 2))
    left = painting.width + 2 * gap
    for above, below in columns:
        sheet.paste(above, (left, gap))
        sheet.paste(below, (left, height + 2 * gap))
        left += above.width + gap
    return np.asarray(with_caption(sheet, caption, gap) if caption else sheet)


def with_caption(sheet: Image.Image, caption: str, gap: int) -> Image.Image:
    """Return a sheet with lines of text below it, wide enough for both."""
    font = ImageFont.load_default(size=14)
    _, top, right, bottom = ImageDraw.Draw(sheet).multiline_textbbox((gap, 0), caption, font=font)
    size = (max(sheet.width, round(right) + gap), sheet.height + round(bottom - top) + 2 * gap)
    larger = Image.new("RGB", size, PAPER)
    larger.paste(sheet)
    ImageDraw.Draw(larger).multiline_text((gap, sheet.height), caption, INK, font)
    return larger


def fit_height(pixels: Pixels, height: int) -> Image.Image:
    """Return a picture `height` pixels high."""
    image = Image.fromarray(pixels)
    return image.resize(
        (max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS
    )


def fit_box(pixels: Pixels, width: int, height: int) -> Image.Image:
    """Return a picture as large as fits into a box."""
    image = Image.fromarray(pixels)
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)
