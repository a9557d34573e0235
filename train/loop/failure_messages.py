"""What a person is told when a run fails in the middle."""

from allaprima.out_of_memory import names_memory
from allaprima.terminal import one_line

FAILURES = (RuntimeError, ConnectionResetError, ConnectionRefusedError, EOFError)
"""What a run may meet; the latter of a process that was killed so recently that torch does not know."""


def failure_advice(error: Exception) -> str | None:
    """Return what to do about a run that diverged, or lacks memory, pictures or a compiler, or None."""
    from .limits import DivergenceError

    if isinstance(error, DivergenceError):
        return f"training has diverged: {error}"
    if names_memory(error):
        return f"{one_line(error)}; the device's memory is full: lower --batch-size or --crop-size"
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return f"the networks could not be compiled: {one_line(error)}; go on with --no-compile"
    if lost := lost_pictures(error):
        return f"{lost}; the last checkpoint is kept"
    return None


def lost_pictures(error: Exception) -> str | None:
    """Return what to do if a process that loads pictures was killed, or is stuck; None for other errors."""
    if isinstance(error, RuntimeError) and "DataLoader" not in str(error):  # torch's words for it
        return None
    reason = one_line(error) or type(error).__name__
    return (
        f"the pictures stopped coming: {reason}. Fewer --workers need less memory, and --workers 0 no process"
        " of their own"
    )
