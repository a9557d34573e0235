"""What a job did, in lines of JSON beside its output: what was painted, how, and with what result."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Self

from allaprima import __version__
from allaprima.checksum import sha256_of
from allaprima.images.folders import RECORD
from allaprima.infer.jobs.pipeline.outcome import Outcome, not_in_file
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.plan import Plan
from allaprima.infer.jobs.storage.local_copies import already_there
from allaprima.infer.jobs.storage.url import Location, Url, location
from allaprima.models.bundled_styles import find_style

from .earlier_runs import EarlierRuns, read_earlier_runs


class Manifest:
    """The record of a job, written line by line; a context that closes it.

    The first line of each run says what paints and how; every other line is an input and its outcome.

    Args:
        path: The file; lines are added to it, and its folder is made.
        settings: What the results depend on, from `job_settings`.
        plan: What is to be done.
        anew: Paint everything again, so that it does not matter what was painted before.
        name: What messages call it, if not by its path.

    Raises:
        ValueError: If results beside it were painted otherwise, or of other pictures that had their names;
            the message says how to start anew.
        OSError: If it cannot be written.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], plan: Plan, *, anew: bool, name: str | None = None
    ) -> None:
        self._name = name or str(path)
        self._before = EarlierRuns() if anew else read_earlier_runs(path, plan)
        _refuse_other_settings(self._name, self._before.settings, settings)
        _refuse_results_of_others(self._before.other_sources)
        self._path, self._file = path, self._opened(path)
        if self._file.tell() and not _ends_with_a_line(path):
            self._file.write(b"\n")  # the process was killed while it wrote, or the disk was full
        self._write({"job": settings, "allaprima": __version__})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def recorded(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass on what became of inputs, and record it as soon as the result is there.

        A file of many pictures that is skipped is followed by those it was written without, as failures.
        """
        for outcome in outcomes:
            if outcome.status != "painted":
                self._add(outcome)
            yield outcome
            if outcome.status == "skipped":
                for source in self._before.left_out_of(outcome.job.target):
                    yield not_in_file(Job(location(source), outcome.job.target), outcome.job.target)

    def _add(self, outcome: Outcome) -> None:
        line = {
            "input": str(outcome.job.source),
            "output": str(outcome.job.target),
            "outcome": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "height": outcome.size and outcome.size[0],
            "width": outcome.size and outcome.size[1],
            "error": outcome.message or None,
        }
        self._write({key: value for key, value in line.items() if value is not None})

    def _opened(self, path: Path) -> FileIO:
        try:
            with suppress(FileExistsError):  # a file there; opening says so better
                path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("ab", buffering=0)
        except OSError as error:
            raise OSError(f"cannot write '{self._name}': {error.strerror}; choose another output") from error

    def _write(self, line: dict[str, Any]) -> None:
        # ASCII, since names need not be text: their other bytes are written as lone surrogates.
        try:
            self._file.write(json.dumps(line).encode("ascii") + b"\n")
        except OSError as error:
            raise OSError(f"cannot write '{self._name}': {error.strerror}; start the job again") from error


def job_settings(style_file: Path, **settings: Any) -> dict[str, Any]:
    """Return what results depend on, with the style file's checksum."""
    style_file = find_style(style_file)
    return {"style": style_file.name, "style_sha256": sha256_of(style_file), **settings}


def manifest_path(output: Location, shard: tuple[int, int] | None) -> Location:
    """Return where the record of a job lies: beside its output folder, one for each shard.

    A bucket has nothing beside it, so there it lies inside.
    """
    part = "" if shard is None else f".{shard[0]}-of-{shard[1]}"
    if isinstance(output, Url):
        whole: Location = output if len(output.path.parts) > 1 else output / output.name
    else:
        whole = Path(os.path.normpath(output.absolute()))
    return whole.with_name(f"{whole.name}{part}{RECORD}")


def _refuse_other_settings(name: str, before: dict[str, Any] | None, now: dict[str, Any]) -> None:
    if before is None:
        return
    changed = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    if not changed:
        return
    what = ", ".join(f"{key} was {before.get(key)} and is {now.get(key)}" for key in sorted(changed))
    raise ValueError(
        f"'{name}' says that results were painted otherwise: {what}; choose another output, or start anew "
        "with --overwrite"
    )


def _refuse_results_of_others(sources: dict[Job, str]) -> None:
    """Raise ValueError if a result that is there was painted of a picture of another name.

    So it is where a.gif became a.png, and an a.png has come since, whose result has that name now.
    """
    there = already_there([job.target for job in sources])
    for job, painted in sources.items():
        if job.target not in there:
            continue
        raise ValueError(
            f"'{job.target}' was painted of '{painted}', and the result of '{job.source}' has that name now; "
            "move it away and start again, choose another output, or start anew with --overwrite"
        )


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
