"""What carries out jobs: a stylizer in this process, or anything else that does the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from allaprima.infer.stylize import Stylizer

from .collected_output import stylize_collected
from .containers import stylize_containers
from .files import Job
from .storage.url import Location
from .stylize_files import FileWork, Outcome, stylize_files
from .writing import Writing

OnShare = Callable[[float], None]


class Painter(Protocol):
    """What carries out jobs."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What results depend on, but for the style and the quality."""
        ...

    def paint(self, jobs: Sequence[Job], containers: Sequence[Job], on_share: OnShare) -> Iterator[Outcome]:
        """Carry out jobs from `plan_jobs` and `plan_containers`, and yield what became of each picture."""
        ...


class LocalPainter:
    """A stylizer in this process.

    Args:
        stylizer: What stylises.
        writing: How results are written.
    """

    def __init__(self, stylizer: Stylizer, writing: Writing) -> None:
        self._stylizer, self._writing = stylizer, writing

    @property
    def settings(self) -> Mapping[str, Any]:
        """What results depend on, but for the style and the quality."""
        return self._stylizer.settings

    def paint(self, jobs: Sequence[Job], containers: Sequence[Job], on_share: OnShare) -> Iterator[Outcome]:
        """Carry out jobs, as `Painter` describes."""
        writing = self._writing
        options: dict[str, Any] = {
            "overwrite": writing.overwrite,
            "quality": writing.quality,
            "max_pixels": writing.max_pixels,
        }
        large = self._stylizer.large_pictures
        return chain(
            stylize_files(self._stylizer, jobs, large=large, on_share=on_share, **options),
            stylize_containers(self._stylizer, containers, suffix=writing.suffix, **options),
        )

    def collect(
        self, jobs: Sequence[Job], output: Location, part: tuple[int, int] | None, on_share: OnShare
    ) -> Iterator[Outcome]:
        """Carry out jobs whose results go into one file, as `stylize_collected`."""
        writing = self._writing
        work = FileWork(writing.quality, writing.max_pixels, self._stylizer.large_pictures, on_share)
        return stylize_collected(self._stylizer, jobs, output, work, part=part, overwrite=writing.overwrite)
