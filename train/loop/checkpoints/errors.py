"""What is said of a checkpoint that a run cannot go on from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


def foreign(checkpoint: Path | None, error: object) -> ValueError:
    """Return the error for a checkpoint that this run cannot go on from."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        reason = f"it has no {reason}"
    return ValueError(
        f"checkpoint '{checkpoint}' cannot be gone on from: it is damaged or from another program "
        f"({reason[:300]}); move it away to go on from an older one"
    )


@contextmanager
def explained(checkpoint: Path | None) -> Iterator[None]:
    """Make whatever is wrong with a checkpoint an error that says which it is.

    Raises:
        ValueError: If it is damaged, or not one of this project's.
        OSError: If it cannot be read.
        OutOfMemoryError: If it does not fit into memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, OSError):
        raise
    except Exception as error:  # torch.load and Lightning let many types of errors through
        raise foreign(checkpoint, error) from error
