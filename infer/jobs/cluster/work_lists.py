"""Which pictures a worker gets next, and what becomes of those whose worker has died."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from allaprima.infer.jobs.planning.job import Job

_LONGEST = 64
"""Pictures that a worker is work at once: some seconds of work, so that sending them counts for little."""


@dataclass(frozen=True)
class WorkList:
    """Jobs for one worker: pictures, or one file of many.

    Attributes:
        jobs: From `plan_jobs`.
        containers: From `plan_containers`.
        deaths: Workers that died of it since it has been one job.
    """

    jobs: Sequence[Job] = ()
    containers: Sequence[Job] = ()
    deaths: int = 0

    @property
    def first(self) -> Job:
        """The only job of a list that cannot be divided."""
        return (*self.jobs, *self.containers)[0]


class WorkQueue:
    """Lists that are to be done; long ones first, so that all workers end together.

    Args:
        jobs: From `plan_jobs`.
        containers: From `plan_containers`.
    """

    def __init__(self, jobs: Sequence[Job], containers: Sequence[Job]) -> None:
        self._jobs, self._position = jobs, 0
        self._again = deque(WorkList(containers=[job]) for job in containers)

    def __bool__(self) -> bool:
        return bool(self._again) or self._position < len(self._jobs)

    def next(self, workers: int) -> WorkList:
        """Return the next list for one of so many workers."""
        if self._again:
            return self._again.popleft()
        left = len(self._jobs) - self._position
        start, self._position = self._position, self._position + max(1, min(_LONGEST, left // (2 * workers)))
        return WorkList(self._jobs[start : self._position])

    def put_back(self, work: WorkList) -> None:
        """Take a list whose worker has died, in halves: so what kills workers is found, and only that."""
        middle = len(work.jobs) // 2
        if middle:
            self._again.extend((WorkList(work.jobs[:middle]), WorkList(work.jobs[middle:])))
        else:
            self._again.append(replace(work, deaths=work.deaths + 1))
