"""Frames of a clip, and of what was made of it before."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from allaprima.images.pixels import Pixels
from allaprima.images.video import Frame, Wanted, open_clip

from .steadiness import ITSELF, Views

Size = tuple[int, int]

PAINTED = "painted"
"""What the frames of a file that was made before are called."""


def clip_size(path: Path, height: int | None) -> Size:
    """Return height and width at which a clip is measured: its own, or of a lesser height.

    Raises:
        ClipError: If it is none.
        FileNotFoundError: If it does not exist.
    """
    with closing(open_clip(path)) as clip:
        info = clip.info
    if height is None or height >= info.height:
        return info.height, info.width
    return height, round(info.width * height / info.height)


def frames_of(path: Path, size: Size) -> Iterator[Pixels]:
    """Yield the frames of a clip, of one size; damaged ones are left out."""
    with closing(open_clip(path)) as clip:
        for item in clip.items(Wanted(*size)):
            if isinstance(item, Frame):
                yield item.picture


def frames_beside(path: Path, made: Path, size: Size) -> Iterator[Views]:
    """Yield the frames of a clip, each with that of a clip made of it."""
    for frame, painted in zip(frames_of(path, size), frames_of(made, size), strict=False):
        yield {PAINTED: painted, ITSELF: frame}
