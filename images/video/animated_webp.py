"""Animated WebP, which FFmpeg does not read."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from .protocol import Beside, ClipError, ClipInfo, Frame, Item, Losses, Wanted
from .time_range import Section, Window

_MILLISECOND = Fraction(1, 1000)
_UNSAID = 100
"""Milliseconds for which browsers show a frame that lasts 0."""


def is_animated_webp(path: Path) -> bool:
    """Return whether a file is WebP of several frames; one that cannot be read is none."""
    with path.open("rb") as file:
        start = file.read(21)
    return start[:4] == b"RIFF" and start[8:16] == b"WEBPVP8X" and bool(start[20] & 2)


class AnimatedWebp:
    """An animated WebP file; transparent pixels are put on white.

    Args:
        path: The file.
        section: Which part of it to read.

    Raises:
        ClipError: If it is damaged.
    """

    def __init__(self, path: Path, section: Section) -> None:
        try:
            self._image = Image.open(path, formats=["WEBP"])
            self._durations = list(_durations(self._image))
        except (OSError, ValueError, EOFError) as error:
            raise ClipError(f"clip '{path}' cannot be read: it is animated WebP that is damaged") from error
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
            codec="webp",
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


def _durations(image: Image.Image) -> Iterator[int]:
    """Yield how long each frame is shown, in milliseconds; reading that decodes it."""
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()
        yield int(image.info["duration"]) or _UNSAID


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
