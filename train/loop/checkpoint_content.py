"""What a checkpoint holds, read without going on from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from allaprima.models.loss_description import LossWeights


def read_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; its tensors stay in the file until they are looked at.

    Raises:
        Exception: What `torch.load` lets through for damaged files, which is of many types.
    """
    content: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return content


def loss_weights_in(checkpoint: Path) -> LossWeights:
    """Return the resolved loss weights that a checkpoint holds.

    Raises:
        ValueError: If it is damaged, or not one of this project's.
    """
    with _explained(checkpoint):
        return LossWeights(**read_checkpoint(checkpoint)["loss_weights"])


def learning_rate_in(checkpoint: Path) -> float | None:
    """Return the peak learning rate that a checkpoint's run had; None in older ones, which do not say.

    Raises:
        ValueError: If it is damaged, or not one of this project's.
    """
    with _explained(checkpoint):
        rate: float | None = read_checkpoint(checkpoint).get("lr")
    return rate


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
def _explained(checkpoint: Path) -> Iterator[None]:
    """Make whatever goes wrong with a checkpoint an error that says which it is."""
    try:
        yield
    except Exception as error:
        raise foreign(checkpoint, error) from error
