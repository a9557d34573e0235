"""Frames of video clips, which are learned from like photographs: one a second."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from allaprima.images.pixels import Pixels

from .undecoded_picture import NoPicture

_log = logging.getLogger(__name__)
_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """The frame of a clip that is shown after so many seconds."""

    path: Path
    name: str
    second: int

    def payload(self) -> Pixels | NoPicture:
        """Return its pixels, `(H, W, 3)`."""
        from allaprima.images.video import ClipError, Frame, Section, Wanted, open_clip

        try:
            with closing(open_clip(self.path, section=Section(Fraction(self.second)))) as clip:
                for item in clip.items(Wanted(clip.info.height, clip.info.width)):
                    if isinstance(item, Frame):
                        return item.picture
        except (ClipError, OSError) as error:
            return NoPicture(str(error))
        return NoPicture(f"there is no frame after {self.second} s")


def is_called_clip(path: Path) -> bool:
    """Return whether a file has the suffix of a clip, where PyAV is there to read it."""
    return path.suffix.lower() in _SUFFIXES and find_spec("av") is not None


def frames_of_clips(clips: Sequence[Path], root: Path) -> Iterator[ClipFrame]:
    """Yield a frame for each second that clips last; a clip that cannot be read is logged and left out.

    Args:
        clips: Files that are called like clips.
        root: The folder that names begin below.
    """
    for path in clips:
        from allaprima.images.video import ClipError, open_clip

        try:
            with closing(open_clip(path)) as clip:
                seconds = clip.info.seconds or 0
        except (ClipError, OSError) as error:
            _log.warning("left out: %s", error)
            continue
        for second in range(max(1, int(seconds))):
            yield ClipFrame(path, f"{path.relative_to(root).as_posix()} at {second} s", second)
