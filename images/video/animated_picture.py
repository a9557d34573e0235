"""Animations of which FFmpeg reads nothing, WebP, or no transparency, AVIF."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from .protocol import Beside, ClipError, ClipInfo, Frame, Item, Losses, Wanted
from .time_range import Section, Window

_MILLISECOND = Fraction(1, 1000)
_UNSAID = 100
"""Milliseconds for which browsers show a frame that lasts 0."""
_TOO_LARGE = Image.DecompressionBombError
_DAMAGED = (OSError, ValueError, EOFError, RuntimeError, KeyError)
"""What Pillow raises; RuntimeError is AVIF's."""


def format_of(path: Path) -> str | None:
    """Return Pillow's name of the format if a file is an animation that is read here."""
    with path.open("rb") as file:
        start = file.read(21)
    if start[:4] == b"RIFF" and start[8:16] == b"WEBPVP8X" and start[20] & 2:
        return "WEBP"
    return "AVIF" if start[4:12] == b"ftypavis" and _is_transparent(path) else None


def _is_transparent(path: Path) -> bool:
    try:
        with Image.open(path, formats=["AVIF"]) as image:
            return image.mode == "RGBA"
    except (*_DAMAGED, _TOO_LARGE):  # FFmpeg says what is wrong
        return False


class AnimatedPicture:
    """An animation; transparent pixels are put on white.

    Args:
        path: The file.
        format: Pillow's name of what it is.
        section: Which part of it to read.

    Raises:
        ClipError: If it is damaged, or larger than Pillow reads.
    """

    def __init__(self, path: Path, format: str, section: Section) -> None:
        try:
            with ExitStack() as opened:
                self._image = Image.open(path, formats=[format])
                opened.callback(self._image.close)
                self._durations = _durations(self._image)
                opened.pop_all()
        except _TOO_LARGE as error:
            raise ClipError(f"clip '{path}' cannot be read: its pictures have too many pixels") from error
        except _DAMAGED as error:
            raise ClipError(f"clip '{path}' cannot be read: it is a damaged animation") from error
        total = sum(self._durations)
        self.info = ClipInfo(
            path=path,
            width=self._image.width,
            height=self._image.height,
            rate=Fraction(1000 * len(self._durations), total),
            time_base=_MILLISECOND,
            seconds=total / 1000,
            frames=len(self._durations),
            pixel_aspect=Fraction(1),
            codec=format.lower(),
        )
        self.beside, self.losses = Beside(), Losses()
        self._window = Window(section, Fraction(0))

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def items(self, wanted: Wanted) -> Iterator[Item]:
        """Yield the frames, as `Clip` describes."""
        pts = 0
        for index, duration in enumerate(self._durations):
            self._image.seek(index)
            self._image.load()
            if self._window.holds(pts * _MILLISECOND):
                whole = _on_white(self._image)
                picture = np.asarray(whole.resize((wanted.width, wanted.height), Image.Resampling.BICUBIC))
                moved = self._window.moved(pts, _MILLISECOND)
                yield Frame(picture, np.asarray(whole) if wanted.whole else None, moved, duration)
            pts += duration


def _durations(image: Image.Image) -> list[int]:
    """Return how long each frame is shown, in milliseconds; reading that decodes it."""
    times = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()
        times.append(int(image.info["timestamp"]))
    end = times[-1] + int(image.info["duration"])
    return [after - before or _UNSAID for before, after in pairwise([*times, end])]


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
