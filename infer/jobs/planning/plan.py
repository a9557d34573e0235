"""What a job is to do: its pictures, its files of many pictures, and where all of it goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from allaprima.infer.jobs.storage.url import Location

from .job import Job, shard_of
from .plan_containers import is_container, plan_containers
from .plan_jobs import plan_jobs
from .targets import is_collection


@dataclass(frozen=True)
class Plan:
    """A job, or a part of one.

    Attributes:
        jobs: Pictures.
        containers: Files of many pictures.
        output: Where results go.
        part: Which part of how many, or None.
        into_file: Whether single pictures go into one file.
        passed_over: How many files of folders are not called pictures.
    """

    jobs: Sequence[Job]
    containers: Sequence[Job]
    output: Location
    part: tuple[int, int] | None = None
    into_file: bool = False
    passed_over: int = 0

    @property
    def is_one_picture(self) -> bool:
        """Whether it is a picture that goes to a file with a name, for which no record is kept."""
        return not self.containers and [job.target for job in self.jobs] == [self.output]

    @property
    def total(self) -> int | None:
        """How many pictures there are, where that is known."""
        return None if self.containers else len(self.jobs)

    def absolute(self) -> "Plan":
        """Return the same with names that hold on other machines."""
        jobs, containers = ([_absolute(job) for job in some] for some in (self.jobs, self.containers))
        return replace(self, jobs=jobs, containers=containers, output=self.output.absolute())


def make_plan(
    inputs: Sequence[Location],
    output: Location,
    *,
    suffix: str | None,
    part: tuple[int, int] | None,
    into_folder: bool,
) -> Plan:
    """Return what is to be done with inputs.

    Args:
        inputs: From `expand_inputs`.
        output: As for `plan_jobs`.
        suffix: Format of all results.
        part: Which part of how many; None is everything.
        into_folder: Whether `output` is a folder whatever it is called.

    Raises:
        ValueError: As `plan_jobs`, `plan_containers` and `shard_of`.
    """
    many = [place for place in inputs if is_container(place)]
    containers = plan_containers(many, output, into_folder=into_folder)
    files = [place for place in inputs if not is_container(place)]
    into_file = is_collection(output, into_folder=into_folder)
    if files and many and into_file:
        raise ValueError(f"'{output}' cannot take both pictures and files of many pictures; give a folder")
    jobs: list[Job] = []
    passed_over: list[int] = []
    if files or not many:
        jobs = plan_jobs(
            files,
            output,
            suffix=suffix,
            into_folder=into_folder,
            on_passed_over=passed_over.append,
        )
    if part is not None:
        jobs, containers = shard_of(jobs, output, *part), shard_of(containers, output, *part)
    return Plan(jobs, containers, output, part, into_file and bool(jobs), sum(passed_over))


def _absolute(job: Job) -> Job:
    return Job(job.source.absolute(), job.target.absolute())
