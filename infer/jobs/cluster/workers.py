"""The workers of a cluster: started, waited for, and started again when they or their machines die."""

import logging
from collections.abc import Mapping
from typing import Any

from allaprima.infer.jobs.writing import Writing

from .resources import Resources
from .worker import StyleCopy, Worker

_log = logging.getLogger(__name__)

_FAILED_STARTS = 5
_SECONDS_OF_SILENCE = 60.0


class WorkersError(OSError):
    """Workers do not start; the message says why."""


class Workers:
    """Actors that hold the style.

    Args:
        ray: The module, connected.
        style: What to paint in.
        loading: Settings of `Stylizer.load`.
        writing: How results are written.
        resources: What workers take.

    Raises:
        ValueError: If the cluster has no room for one.
    """

    def __init__(
        self, ray: Any, style: StyleCopy, loading: Mapping[str, Any], writing: Writing, resources: Resources
    ) -> None:
        self._ray = ray
        self._class = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(Worker)
        self._arguments = (ray.put(style), dict(loading), writing)
        self._starting: dict[Any, Any] = {}
        self._failed_starts = 0
        self.count = resources.workers or _room(ray.cluster_resources(), resources)
        for _ in range(self.count):
            self.start()

    def start(self) -> None:
        """Begin to start one more; it waits, where the cluster has no room, until there is some."""
        worker = self._class.remote(*self._arguments)
        self._starting[worker.settings.remote()] = worker

    def wait(self, working: Mapping[Any, Any]) -> Any:
        """Return what is ready first: one of the calls given, or of those that start a worker."""
        calls = [*working, *self._starting]
        while True:
            done, _ = self._ray.wait(calls, timeout=_SECONDS_OF_SILENCE)
            if done:
                return done[0]
            if not working:
                _log.warning("the cluster has had no worker that is ready for a minute")

    def started(self, call: Any) -> tuple[Any, dict[str, Any]] | None:
        """Return a worker that is ready, and what its results depend on; None if it died and another starts.

        Raises:
            WorkersError: If that happened several times without a worker that works.
            ValueError: If the style cannot be loaded there.
        """
        worker = self._starting.pop(call)
        try:
            settings = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise WorkersError(f"workers of the cluster do not start: {_reason(error)}") from error
            self.start()
            return None
        self._failed_starts = 0
        return worker, settings

    def result(self, call: Any, worker: Any) -> Any:
        """Return what a call gave, or None if its worker or the machine died, and another is starting."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(call)
        except errors.RayTaskError:
            raise  # a mistake of ours
        except errors.RayError as error:
            _log.warning("a worker of the cluster died, its pictures go to others: %s", _reason(error))
            self._ray.kill(worker)  # if it was only out of reach
            self.start()
            return None


def _room(there: Mapping[str, float], resources: Resources) -> int:
    wanted = {"CPU": resources.cpus, "GPU": resources.gpus}
    room = min(int(there.get(name, 0) / each) for name, each in wanted.items() if each)
    if room < 1:
        has = f"{there.get('CPU', 0):g} cores and {there.get('GPU', 0):g} GPUs"
        raise ValueError(
            f"the cluster has {has}; a worker is to have {resources.cpus:g} and {resources.gpus:g}, "
            "see --worker-cpus and --worker-gpus"
        )
    return room


def _reason(error: Exception) -> str:
    """Return the first sentence of the last line: before it is a stack, and after it Ray's advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(". ")[0] if lines else type(error).__name__
