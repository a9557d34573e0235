"""Processes that load pictures: they say what matters, and end when their training is gone."""

import multiprocessing
import os
import threading
import warnings
from multiprocessing.connection import wait


def begin_worker(worker: int) -> None:
    """Prepare such a process, which has neither the filters of the one that trains nor its end.

    Args:
        worker: The number that a DataLoader gives, not needed here.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # they name no picture
    _end_with_parent()


def _end_with_parent() -> None:
    """Let this process end as soon as the one that trains does, even if that was killed.

    Its end closes a pipe, which a thread waits for here. The fork server ends with its last worker. By
    itself a worker would notice only when its parent, the fork server, ends, and that waits for the workers.
    """
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # whatever the main thread waits for, nobody needs it any more
