"""What is said of a checkpoint that a run cannot go on from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from allaprima.terminal import one_line


@contextmanager
def explained(checkpoint: Path | None, *, is_read: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Make whatever is wrong with a checkpoint an error that says which it is.

    Args:
        checkpoint: The checkpoint.
        is_read: Whether it has been read by now, so that errors are no longer its own and pass.

    Raises:
        ValueError: If it is damaged, or not one of this run.
        OSError: If it cannot be read.
        OutOfMemoryError: If it does not fit into memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, OSError):
        raise
    except Exception as error:  # torch.load and Lightning say it with errors of many types
        if is_read():
            raise
        raise _foreign(checkpoint, error) from error


def _foreign(checkpoint: Path | None, error: object) -> ValueError:
    reason = one_line(error) or type(error).__name__
    if isinstance(error, KeyError):
        reason = f"it has no {reason}"
    return ValueError(
        f"checkpoint '{checkpoint}' cannot be gone on from: it is damaged or from another program "
        f"({reason[:300]}); move it away to go on from an older one"
    )
