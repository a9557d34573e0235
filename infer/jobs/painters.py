"""What carries out jobs: a stylizer in this process, or anything else that does the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from allaprima.infer.stylize import Stylizer

from .containers.collected_output import stylize_collected
from .containers.stylize_containers import stylize_containers
from .pipeline.outcome import Outcome
from .pipeline.stylize_files import FileWork, stylize_files
from .planning.job import Job
from .planning.plan import Plan
from .writing import Writing

OnShare = Callable[[float], None]


class Painter(Protocol):
    """What carries out jobs."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What results depend on, but for the style and the quality."""
        ...

    def paint(self, plan: Plan, on_share: OnShare) -> Iterator[Outcome]:
        """Carry out what is planned, and yield what became of each picture."""
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

    def paint(self, plan: Plan, on_share: OnShare) -> Iterator[Outcome]:
        """Carry out what is planned, as `Painter` describes."""
        if not plan.into_file:
            return self.paint_jobs(plan.jobs, plan.containers, on_share)
        writing = self._writing
        work = FileWork(writing.quality, writing.max_pixels, self._stylizer.large_pictures, on_share)
        return stylize_collected(
            self._stylizer, plan.jobs, plan.output, work, part=plan.part, overwrite=writing.overwrite
        )

    def paint_jobs(
        self, jobs: Sequence[Job], containers: Sequence[Job], on_share: OnShare
    ) -> Iterator[Outcome]:
        """Carry out jobs of a plan whose results are files of their own."""
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
