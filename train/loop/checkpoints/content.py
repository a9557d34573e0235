"""What a checkpoint holds, read without going on from it."""

from pathlib import Path
from typing import Any

import torch

from allaprima.models.loss_description import LossWeights

from .errors import explained


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
        OSError: If it cannot be read.
    """
    with explained(checkpoint):
        return LossWeights(**read_checkpoint(checkpoint)["loss_weights"])


def learning_rate_in(checkpoint: Path) -> float | None:
    """Return the peak learning rate that a checkpoint's run had; None in older ones, which do not say.

    Raises:
        ValueError: If it is damaged, or not one of this project's.
        OSError: If it cannot be read.
    """
    with explained(checkpoint):
        rate: float | None = read_checkpoint(checkpoint).get("lr")
    return rate
