"""Frames of a clip beside their stylised ones."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from allaprima.images.pixels import Pixels
from allaprima.images.video import Frame, Wanted, open_clip

from .steadiness import Paint

Size = tuple[int, int]


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


def painted_frames(path: Path, size: Size, count: int, paint: Paint) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield the first frames of a clip, each with what it becomes."""
    for frame in islice(frames_of(path, size), count):
        yield frame, paint(frame)


def frames_beside(path: Path, painted: Path, size: Size, count: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield the first frames of a clip, each with that of a clip made of it."""
    yield from islice(zip(frames_of(path, size), frames_of(painted, size), strict=False), count)
