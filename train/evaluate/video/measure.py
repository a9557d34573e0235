"""All clips that were asked for, measured one after another."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .frames import clip_size, frames_beside, frames_of
from .sintel_scene import read_scene
from .steadiness import Paint, Steadiness, clip_steadiness, painted, scene_steadiness, still_steadiness


@dataclass(frozen=True)
class Videos:
    """What is measured.

    Attributes:
        clips: Video files, and folders with a scene whose motion is known.
        painted: For each clip the file that was made of it; none where a network paints now.
        frames: At most so many of each clip.
        height: At most so high.

    Raises:
        ValueError: If there are painted files, but not one for each clip, or for a folder.
    """

    clips: Sequence[Path]
    painted: Sequence[Path] = ()
    frames: int = 40
    height: int | None = None

    def __post_init__(self) -> None:
        """Check the contract above."""
        if self.painted and len(self.painted) != len(self.clips):
            raise ValueError(
                f"there are {len(self.painted)} painted files for {len(self.clips)} clips; expected one for "
                "each"
            )
        if self.painted and (folders := [clip for clip in self.clips if clip.is_dir()]):
            raise ValueError(f"'{folders[0]}' is a folder, whose frames are painted now; leave out --painted")

    def check(self) -> None:
        """Open every file now, rather than after the work.

        Raises:
            ValueError: If one is not what it should be.
            OSError: If one cannot be read.
        """
        for path in (*self.clips, *self.painted):
            if path.is_dir():
                read_scene(path)
            else:
                clip_size(path, None)


def measure(
    videos: Videos, paints: Mapping[str, Paint], tracked: Callable[[Sequence[Path]], Iterable[Path]]
) -> list[Steadiness]:
    """Return how steady all clips are, and a still picture with noise where networks paint.

    Args:
        videos: What to measure.
        paints: Networks, by the names of their styles.
        tracked: Shows the progress over the clips.
    """
    results = list(_measured(videos, paints, tracked))
    clips = [clip for clip in videos.clips if not clip.is_dir()]
    if clips and not videos.painted:
        first = next(frames_of(clips[0], clip_size(clips[0], videos.height)))
        results.append(still_steadiness(clips[0].stem, first, paints))
    return results


def _measured(
    videos: Videos, paints: Mapping[str, Paint], tracked: Callable[[Sequence[Path]], Iterable[Path]]
) -> Iterator[Steadiness]:
    for index, clip in enumerate(tracked(videos.clips)):
        if clip.is_dir():
            yield scene_steadiness(clip.name, read_scene(clip), paints)
            continue
        size = clip_size(clip, videos.height)
        if videos.painted:
            frames = frames_beside(clip, videos.painted[index], size)
        else:
            frames = painted(frames_of(clip, size), paints)
        yield clip_steadiness(clip.stem, islice(frames, videos.frames))
