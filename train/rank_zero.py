"""Which of a run's processes this is."""

import os


def is_first_process() -> bool:
    """Return whether this is the process that writes, of those that torchrun, SLURM or Lightning started."""
    names = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return all(int(os.environ.get(name, "0")) == 0 for name in names)
