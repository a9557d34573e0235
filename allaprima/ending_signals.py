"""The signals that ask a program to end: Ctrl-C, and what schedulers, containers and terminals send."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_log = logging.getLogger(__name__)

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def asked_to_end(request: Callable[[int], None], kept: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Hand the first signal to `request` while the block runs; a second one ends the process.

    Only in the main thread, which gets the signals. A program that was started to ignore hang-ups (nohup)
    goes on ignoring them.

    Args:
        request: Called with the signal's number.
        kept: Says, for the second signal, what is there of the work.

    Yields:
        A function that listens again, for after somebody else has put handlers in place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous = {number: signal.getsignal(number) for number in ENDING}
    is_requested = False

    def receive(number: int, frame: FrameType | None) -> None:
        nonlocal is_requested
        leave_dead_terminal()
        if is_requested:
            _log.warning("ended at once: %s", kept())
            raise SystemExit(128 + number)
        is_requested = True
        request(number)

    def listen() -> None:
        for number, handler in previous.items():
            if handler != signal.SIG_IGN or number == signal.SIGINT:
                signal.signal(number, receive)

    listen()
    try:
        yield listen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def exit_code(number: int | None) -> int:
    """Return the exit code of a run that a signal ended early but well: 0 after Ctrl-C, as after none."""
    return 0 if number in (None, signal.SIGINT) else 128 + number


def leave_dead_terminal() -> None:
    """Send what is printed nowhere if the terminal is gone, where every line would be an error."""
    for descriptor in (1, 2):
        try:
            os.fstat(descriptor)
            if os.isatty(descriptor) or not _is_hung_up(descriptor):
                continue
        except OSError:
            continue
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with suppress(OSError):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _is_hung_up(descriptor: int) -> bool:
    """Return whether this was a terminal: one that is gone answers every question with an error."""
    try:
        import termios
    except ImportError:  # Windows has no hang-ups
        return False
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return bool(error.args) and error.args[0] == 5  # EIO; a pipe or file says ENOTTY
    return False
