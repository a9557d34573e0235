"""What a person is told when a run fails in the middle."""

from allaprima.terminal import one_line


def failure_advice(error: RuntimeError, command: str) -> str | None:
    """Return what to do about a run that diverged, or lacks memory or pictures; None for other errors."""
    from torch import OutOfMemoryError

    from .limits import DivergenceError

    if isinstance(error, DivergenceError):
        return (
            f"training has diverged: {error}; go on from it with a lower learning rate: "
            f"allaprima {command} --resume FOLDER --lr 5e-4"
        )
    if isinstance(error, OutOfMemoryError):
        return f"{one_line(error)}; the device's memory is full: lower --batch-size or --crop-size"
    if "DataLoader" in str(error):  # torch's words for a process of its own that was killed, or is stuck
        return (
            f"the pictures stopped coming: {one_line(error)}; the last checkpoint is kept. Fewer --workers "
            "need less memory, and --workers 0 no process of their own"
        )
    return None
