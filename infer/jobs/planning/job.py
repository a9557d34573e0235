"""A picture, or a file of many, and where its result goes."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from allaprima.infer.jobs.storage.url import Location, path_below


@dataclass(frozen=True)
class Job:
    """A picture to read and the file that its stylised version goes to."""

    source: Location
    target: Location


def shard_of(jobs: Sequence[Job], output: Location, index: int, count: int) -> list[Job]:
    """Return one of `count` parts of the jobs, from 1 on, by a hash of their names below `output`.

    A picture is in the same part whatever else there is, and on every machine.

    Raises:
        ValueError: If there is no such part.
    """
    if not 1 <= index <= count:
        raise ValueError(f"shard is {index}/{count}; expected 1/{count} to {count}/{count}")
    return [job for job in jobs if _hash(path_below(job.target, output)) % count == index - 1]


def _hash(name: PurePath) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(name.as_posix())).digest()[:8], "big")
