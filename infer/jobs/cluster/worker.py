"""What runs on each machine of a cluster: the style, loaded once, and the code of a single machine."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from allaprima.atomic import write_whole
from allaprima.images.picture_files import TooManyPixelsError
from allaprima.infer.jobs.painters import LocalPainter
from allaprima.infer.jobs.pipeline.outcome import Outcome
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.writing import Writing
from allaprima.infer.stylize import Stylizer
from allaprima.models.bundled_styles import find_style


@dataclass(frozen=True)
class StyleCopy:
    """A style's files by their names, the first of them the one to load; machines need not share a disk."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, style_file: Path) -> "StyleCopy":
        """Read a style's file, and the weights beside an OpenVINO model."""
        file = find_style(style_file)
        beside = [path for path in (file.with_suffix(".bin"),) if file.suffix == ".xml" and path.is_file()]
        return cls({path.name: path.read_bytes() for path in (file, *beside)})


class Worker:
    """Paints lists of jobs.

    Args:
        style: What to paint in.
        loading: Settings of `Stylizer.load`.
        writing: How results are written.
    """

    def __init__(self, style: StyleCopy, loading: Mapping[str, Any], writing: Writing) -> None:
        self._folder = tempfile.TemporaryDirectory()
        for name, content in style.files.items():
            write_whole(Path(self._folder.name) / name, content)
        stylizer = Stylizer.load(Path(self._folder.name) / next(iter(style.files)), **loading)
        # Whoever sends jobs knows which are done. One that a killed worker has done is done again, to the
        # same bytes.
        self._painter = LocalPainter(stylizer, replace(writing, overwrite=True))

    def settings(self) -> dict[str, Any]:
        """Return what results depend on."""
        return dict(self._painter.settings)

    def paint(self, jobs: Sequence[Job], containers: Sequence[Job]) -> list[Outcome]:
        """Carry out jobs, and return what became of each picture."""
        outcomes = self._painter.paint_jobs(jobs, containers, lambda share: None)
        return [_sendable(outcome) for outcome in outcomes if outcome.status != "painted"]


def _sendable(outcome: Outcome) -> Outcome:
    """Drop errors, of which some cannot be sent; but for the one that the summary looks at."""
    return outcome if isinstance(outcome.error, TooManyPixelsError) else replace(outcome, error=None)
