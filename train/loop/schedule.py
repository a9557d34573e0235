"""The learning rate as a function of how far a run has come."""

import math


def learning_rate_factor(step: int, progress: float, *, warmup_steps: int, final: float) -> float:
    """Return the learning rate as a share of its peak.

    Linear warm-up over the first steps, then half a cosine from 1 to `final`
    (Loshchilov and Hutter 2016).

    Args:
        step: Steps done before this one.
        progress: Part of the run that is done, 0 to 1.
        warmup_steps: Steps of the warm-up.
        final: Share that is left when `progress` is 1.
    """
    warmup = min(1.0, (step + 1) / (warmup_steps + 1))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
    return warmup * (final + (1 - final) * cosine)


def averaging_decay(step: int, decay: float) -> float:
    """Return the decay of the weights' moving average, shorter while there are few steps to average."""
    return min(decay, (1 + step) / (10 + step))
