"""The record of a job whose output lies in storage, where nothing can be added to a file."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from allaprima.infer.jobs.pipeline.outcome import Outcome
from allaprima.infer.jobs.planning.plan import Plan
from allaprima.infer.jobs.storage.url import Location, Url

from .manifest import Manifest

_SECONDS = 60
"""Between two copies of a growing record: what a killed job may lose of it, though of no result."""


class _CopiedManifest(Manifest):
    """A manifest in a file of this machine that is copied to storage now and then."""

    def __init__(self, url: Url, file: Path, settings: dict[str, Any], plan: Plan, *, anew: bool) -> None:
        super().__init__(file, settings, plan, anew=anew, name=str(url))
        self._url, self._copied = url, 0.0

    def copy(self) -> None:
        self._url.upload(self._path)
        self._copied = monotonic()

    def recorded(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in super().recorded(outcomes):
            if monotonic() - self._copied > _SECONDS:
                self.copy()
            yield outcome


@contextmanager
def open_manifest(where: Location, settings: dict[str, Any], plan: Plan, *, anew: bool) -> Iterator[Manifest]:
    """Yield the record of a job, wherever it lies.

    Args:
        where: From `manifest_path`.
        settings: As for `Manifest`.
        plan: As for `Manifest`.
        anew: As for `Manifest`.

    Raises:
        ValueError: As `Manifest`.
        OSError: As `Manifest`.
    """
    if isinstance(where, Path):
        with Manifest(where, settings, plan, anew=anew) as manifest:
            yield manifest
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "manifest.jsonl"
        if where.exists():
            where.download(file)
        with _CopiedManifest(where, file, settings, plan, anew=anew) as copied:
            copied.copy()  # so that it is known how results were painted, however this ends
            try:
                yield copied
            finally:
                copied.copy()
