"""Jobs on a Ray cluster: lists of pictures go to workers as they become free, and again if one dies."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from allaprima.infer.jobs.painters import OnShare
from allaprima.infer.jobs.pipeline.outcome import Outcome
from allaprima.infer.jobs.planning.plan import Plan
from allaprima.infer.jobs.storage.local_copies import already_there
from allaprima.infer.jobs.writing import Writing

from .connection import connected
from .resources import Resources
from .work_lists import WorkList, WorkQueue
from .worker import StyleCopy
from .workers import Workers

_DEATHS = 3
"""Workers that one picture may take with it."""


class RayPainter:
    """Workers on the machines of a cluster, as one painter.

    Args:
        workers: The workers, which are starting.
        writing: How results are written.

    Raises:
        WorkersError: If none starts.
    """

    def __init__(self, workers: Workers, writing: Writing) -> None:
        self._workers, self._writing = workers, writing
        ready = None
        while ready is None:
            ready = workers.started(workers.wait({}))
        first, self.settings = ready
        self._idle = [first]

    def paint(self, plan: Plan, on_share: OnShare) -> Iterator[Outcome]:
        """Carry out what is planned, but not into one file, as `Painter` describes."""
        plan = plan.absolute()
        jobs, containers = plan.jobs, plan.containers
        asked = [] if self._writing.overwrite else [job.target for job in (*jobs, *containers)]
        there = already_there(asked)
        yield from (Outcome(job, "skipped") for job in (*jobs, *containers) if job.target in there)
        queue = WorkQueue(*([job for job in some if job.target not in there] for some in (jobs, containers)))
        painting: dict[Any, tuple[Any, WorkList]] = {}
        while queue or painting:
            while queue and self._idle:
                worker, work = self._idle.pop(), queue.next(self._workers.count)
                painting[worker.paint.remote(work.jobs, work.containers)] = worker, work
            call = self._workers.wait(painting)
            if call in painting:
                yield from self._finished(call, *painting.pop(call), queue)
            elif (ready := self._workers.started(call)) is not None:
                self._idle.append(self._agreeing(*ready))

    def _finished(self, call: Any, worker: Any, work: WorkList, queue: WorkQueue) -> Sequence[Outcome]:
        outcomes: list[Outcome] | None = self._workers.result(call, worker)
        if outcomes is not None:
            self._idle.append(worker)
            return outcomes
        if work.deaths + 1 >= _DEATHS:
            job = work.first
            return [Outcome(job, "failed", f"'{job.source}': {_DEATHS} workers of the cluster died of it")]
        queue.put_back(work)
        return []

    def _agreeing(self, worker: Any, settings: Mapping[str, Any]) -> Any:
        if settings != self.settings:
            what = {key: (self.settings.get(key), value) for key, value in settings.items()}
            unlike = ", ".join(f"{key} {a} and {b}" for key, (a, b) in what.items() if a != b)
            raise ValueError(
                f"workers of the cluster would paint differently: {unlike}; choose with --engine, --precision"
            )
        return worker


@contextmanager
def ray_painter(
    address: str | None, style_file: Path, loading: Mapping[str, Any], writing: Writing, resources: Resources
) -> Iterator[RayPainter]:
    """Yield what paints on a cluster.

    Machines need not share anything: the style is sent to them. What they read and write has to be where all
    of them find it, storage or a shared disk.

    Args:
        address: As for `connected`.
        style_file: A style file, the name of a bundled style, or an exported one.
        loading: Settings of `Stylizer.load`.
        writing: How results are written.
        resources: What workers take.

    Raises:
        OSError: If no cluster answers, or no worker starts there.
        ValueError: If the cluster has no room for a worker.
    """
    style = StyleCopy.of(style_file)
    with connected(address) as ray:
        yield RayPainter(Workers(ray, style, loading, writing, resources), writing)
