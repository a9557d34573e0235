"""A run that is asked to end before its time."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from allaprima.ending_signals import asked_to_end, exit_code, leave_dead_terminal

_log = logging.getLogger(__name__)


class Interruption(Callback):
    """Let Ctrl-C, SIGTERM and SIGHUP end a run after the current step; a second one ends it at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._listen: Callable[[], None] = lambda: None

    @property
    def is_requested(self) -> bool:
        """Whether the run was asked to end."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """What the process should end with: 143 after SIGTERM, 129 after SIGHUP."""
        return exit_code(self.signal)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen instead of Lightning, which ends the process at SIGTERM, and with exit code 0."""
        self._listen()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen instead of Lightning when it only validates, too."""
        self._listen()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop if asked to. A signal reaches the processes at different places: here they agree."""
        if trainer.world_size > 1:
            number = torch.tensor(float(self.signal or 0), device=trainer.strategy.root_device)
            agreed = int(trainer.strategy.reduce(number, reduce_op="max"))
            self.signal = agreed or None
        if self.is_requested:
            leave_dead_terminal()
            trainer.should_stop = True

    @contextmanager
    def listening(self, kept: Callable[[], str] = lambda: "nothing is kept") -> Iterator[None]:
        """Take signals as requests while the block runs (in the main thread, which gets them).

        Args:
            kept: Says, for a second signal, what is there of the run.
        """
        with asked_to_end(self._request, kept) as self._listen:
            yield

    def _request(self, number: int) -> None:
        again = "press Ctrl-C again" if number == signal.SIGINT else f"{signal.Signals(number).name} again"
        _log.warning("finishing the current step; %s to abort", again)
        self.signal = number
