"""What a person is told when a run fails in the middle."""

from allaprima.terminal import one_line


def failure_advice(error: RuntimeError, command: str) -> str | None:
    """Return what to do about a run that diverged or ran out of memory; None for other errors."""
    from torch import OutOfMemoryError

    from .limits import DivergenceError

    if isinstance(error, DivergenceError):
        return (
            f"training has diverged: {error}; go on from it with a lower learning rate: "
            f"allaprima {command} --resume FOLDER --lr 5e-4"
        )
    if isinstance(error, OutOfMemoryError):
        return f"{one_line(error)}; the device's memory is full: lower --batch-size or --crop-size"
    return None
