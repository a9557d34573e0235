"""What the record of a job says of the runs before."""

import json
import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.plan import Plan
from allaprima.infer.jobs.storage.url import Location, Url, location


@dataclass
class EarlierRuns:
    """What counts for a plan of what was done before.

    Attributes:
        settings: What the results of the last run depend on; None if there was no run.
        other_sources: Results of the plan that were painted of a picture of another name than the job's: of
            which picture. Folders do not count: pictures may have moved since, or be reached by another path.
        left_out: Which pictures failed when a file of many was written, by its absolute name: those who paint
            on other machines know no other.
    """

    settings: dict[str, Any] | None = None
    other_sources: dict[Job, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def left_out_of(self, target: Location) -> Sequence[str]:
        """Return the pictures that a result was written without."""
        return self.left_out.get(_absolute(str(target)), ())


def read_earlier_runs(path: Path, plan: Plan) -> EarlierRuns:
    """Return what a record, if there is one, says of what is planned."""
    runs = EarlierRuns()
    if not path.is_file():
        return runs
    jobs = {_absolute(str(job.target)): job for job in plan.jobs}
    containers = {_absolute(str(job.target)) for job in plan.containers}
    failures: dict[str, list[str]] = {}
    for line in read_manifest(path):
        if "job" in line:
            runs.settings = line["job"]
            failures.clear()
            continue
        if line["outcome"] == "skipped":  # most lines of a job that is begun again and again
            continue
        output = _absolute(line["output"])
        container = _container_of(output, containers)
        match line["outcome"]:
            case "stylized" if output in jobs:
                _note_source(runs, jobs[output], line["input"])
            case "stylized" if container is not None:  # so it is written, after all of it that failed
                runs.left_out[container] = failures.setdefault(container, [])
            case "failed" if container is not None:
                failures.setdefault(container, []).append(line["input"])
    return runs


def read_manifest(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a record's lines, without those that were not finished."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def _note_source(runs: EarlierRuns, job: Job, source: str) -> None:
    if Path(source).name == job.source.name:
        runs.other_sources.pop(job, None)
    else:
        runs.other_sources[job] = source


def _container_of(output: str, containers: Set[str]) -> str | None:
    """Return the file of many pictures that a result lies in."""
    while containers and (above := os.path.dirname(output)) != output:  # noqa: PTH120 (a URL, too)
        if above in containers:
            return above
        output = above
    return None


def _absolute(text: str) -> str:
    place = location(text)
    return str(place) if isinstance(place, Url) else os.path.abspath(place)  # noqa: PTH100 (without `..`, too)
