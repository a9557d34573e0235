"""What the workers of a job take of a cluster."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What workers take.

    Attributes:
        workers: How many there are; None is as many as the cluster has room for.
        cpus: Cores for each.
        gpus: GPUs for each; a part of one lets several share it.
    """

    workers: int | None = None
    cpus: float = 1
    gpus: float = 0
