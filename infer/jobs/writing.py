"""How results are written."""

from dataclasses import dataclass

from allaprima.images.picture_files import DEFAULT_QUALITY


@dataclass(frozen=True)
class Writing:
    """Format and quality of results, and whether they replace what is there.

    Attributes:
        suffix: Format of all results; None keeps that of each picture.
        quality: As for `write_picture`.
        max_pixels: As for `stylize_files`.
        overwrite: Redo results that are there already, instead of skipping them.
    """

    suffix: str | None = None
    quality: int = DEFAULT_QUALITY
    max_pixels: int | None = None
    overwrite: bool = False
