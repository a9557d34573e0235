"""What the commands that train have in common: a new run or an earlier one, and what is said at its end."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from allaprima.terminal import complain, quoted, say

from .loop.failure_messages import FAILURES, failure_advice
from .rank_zero import is_first_process
from .settings.parsing import ConfigError


class Trained(Protocol):
    """What a run has made."""

    @property
    def folder(self) -> Path:
        """The run's folder."""
        ...

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        ...

    @property
    def validation(self) -> dict[str, float]:
        """Terms on crops of held-out photographs."""
        ...

    @property
    def interrupted(self) -> bool:
        """Whether it was asked to end before its time."""
        ...

    @property
    def advice(self) -> str:
        """What would help most, from the run's own held-out curve."""
        ...

    @property
    def exit_code(self) -> int:
        """What the program should end with."""
        ...


T = TypeVar("T", bound=Trained)


def carry_out_training(
    command: str,
    config: Path | None,
    resume: Path | None,
    *,
    begin: Callable[[Path | None], T],
    go_on: Callable[[Path], T],
    report: Callable[[T], None],
) -> int:
    """Begin a run or go on with one, say what became of it, and return the exit code.

    Args:
        command: Name of the command.
        config: The file of settings, for a new run.
        resume: The folder of an earlier run, to go on with.
        begin: Begins a run with a file of settings.
        go_on: Goes on with the run of a folder.
        report: Says where what was made is; called in the first of the run's processes.

    Raises:
        ConfigError: If both a file of settings and an earlier run are given.
        Exception: What `begin` and `go_on` raise, but for failures that have advice.
    """
    if resume is not None and config is not None:
        raise ConfigError("--resume goes on with the run's own settings: leave out --config")
    try:
        trained = begin(config) if resume is None else go_on(resume)
    except FAILURES as error:
        if (advice := failure_advice(error)) is None:
            raise
        complain(advice)
        return 1
    if is_first_process():
        _say_how_it_ended(command, trained)
        report(trained)
    return trained.exit_code


def _say_how_it_ended(command: str, trained: Trained) -> None:
    if trained.interrupted:
        resume = f"allaprima {command} --resume {quoted(trained.folder)}"
        say(f"stopped after {trained.steps} steps; go on with: {resume}")
    terms = ", ".join(f"{name} {value:.3f}" for name, value in trained.validation.items())
    say(f"trained {trained.steps} steps; on held-out photographs: {terms}")
    say(trained.advice)
