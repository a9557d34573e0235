"""Going on from a checkpoint, and what is said if it is whole but not one of this run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from .content import read_checkpoint
from .errors import explained

_PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step")


class Restoring(Callback):
    """Explain what goes wrong between the start of a run and its first step, while a checkpoint is read.

    Args:
        checkpoint: Where the run goes on from, if it does.
    """

    def __init__(self, checkpoint: Path | None) -> None:
        self._checkpoint = checkpoint
        self._ended = checkpoint is None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of restoring into ValueError; those of the training pass.

        Raises:
            ValueError: If the checkpoint lacks something, or is of another network or optimiser.
        """
        with explained(self._checkpoint, is_read=lambda: self._ended):
            if self._checkpoint is not None:
                _check_parts(self._checkpoint)
            yield

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at what torch takes unseen: the optimisers' memory of each parameter."""
        if self._checkpoint is not None:
            for optimizer in trainer.optimizers:
                _check_shapes(optimizer)
        self._ended = True


def _check_parts(checkpoint: Path) -> None:
    """Raise KeyError for what Lightning would do without: it would begin at step 0, or with a new clock."""
    state = read_checkpoint(checkpoint)
    for name in _PARTS:
        if name not in state:
            raise KeyError(name)
    if not state["callbacks"].get("RunLimits"):
        raise KeyError("callbacks.RunLimits")


def _check_shapes(optimizer: torch.optim.Optimizer) -> None:
    for parameter, state in optimizer.state.items():
        assert isinstance(parameter, nn.Parameter)
        for name, value in state.items():
            if isinstance(value, Tensor) and value.numel() != 1 and value.shape != parameter.shape:
                shapes = f"{tuple(value.shape)} for a parameter of {tuple(parameter.shape)}"
                raise ValueError(f"the optimiser's {name} is {shapes}")
