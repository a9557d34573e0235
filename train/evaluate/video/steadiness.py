"""How far frames are from one another where the clip shows the same."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from allaprima.images.pixels import Pixels

from .optical_flow import FlowEstimator, Motion, warped_back
from .sintel_scene import Scene

Paint = Callable[[Pixels], Pixels]

Views = dict[str, Pixels]
"""A frame of a clip and what was painted of it, of the same size, by their names."""

ITSELF = "the clip itself"
"""What the clip's own frames are called, which motion is found on."""

SHOWN = 4
"""Consecutive frames that are kept to be looked at."""

# The last of them is at most this one: about the middle of the 40 that are measured by default.
_SHOWN_UNTIL = 24
# With less to be seen of a frame in the next one a scene ends there, or the flow is none.
_LEAST_VISIBLE = 0.2
_NOISE_LEVELS = 3.0
_NOISY_FRAMES = 20
_SEED = 0


@dataclass(frozen=True)
class Steadiness:
    """Warping errors from each frame to the next, in levels; None where a scene ends.

    Attributes:
        name: Of the clip.
        kind: What the errors are measured along: `flow` estimated on the clip, the `truth`, or `still`,
            which is one picture with new noise in each frame.
        errors: Of the clip itself and of what was painted of it, by their names.
        shown: Some consecutive frames.
        motion: Between the last two of them.
    """

    name: str
    kind: str
    errors: Mapping[str, list[float | None]]
    shown: Sequence[Views] = field(default=(), repr=False)
    motion: Motion | None = field(default=None, repr=False)

    @property
    def means(self) -> dict[str, float | None]:
        """The mean errors; None if there is none."""
        return {name: _mean(errors) for name, errors in self.errors.items()}


def warping_error(before: Pixels, after: Pixels, motion: Motion) -> float | None:
    """Return how far a frame is from the next one, moved back onto it, where its pixels are visible there.

    Mean absolute difference of the channels, in levels of 255.

    Args:
        before: `(H, W, 3)`.
        after: The next frame.
        motion: From `before` to `after`.
    """
    if motion.visible.mean() < _LEAST_VISIBLE:
        return None
    moved = warped_back(after, motion.flow)
    return float(abs(moved - before)[motion.visible].mean())


def clip_steadiness(name: str, frames: Iterable[Views]) -> Steadiness:
    """Return the warping errors of a clip, along the flow of its own frames.

    Args:
        name: Of the clip.
        frames: Its frames.
    """
    return _steadiness(name, "flow", frames, FlowEstimator())


def scene_steadiness(name: str, scene: Scene, paints: Mapping[str, Paint]) -> Steadiness:
    """Return the warping error of a scene along its true motion."""
    frames = painted((scene.before, scene.after), paints)
    return _steadiness(name, "truth", frames, lambda *_: scene.motion)


def still_steadiness(name: str, picture: Pixels, paints: Mapping[str, Paint]) -> Steadiness:
    """Return the flicker of a picture that stands still, with new noise of 3 levels in each frame."""
    noise = np.random.default_rng(_SEED)
    frames = painted((_noisy(picture, noise) for _ in range(_NOISY_FRAMES)), paints)
    height, width = picture.shape[:2]
    still = Motion(np.zeros((height, width, 2), np.float32), np.ones((height, width), bool))
    return _steadiness(name, "still", frames, lambda *_: still)


def painted(frames: Iterable[Pixels], paints: Mapping[str, Paint]) -> Iterator[Views]:
    """Yield frames with what becomes of each."""
    for frame in frames:
        yield {**{name: paint(frame) for name, paint in paints.items()}, ITSELF: frame}


def _steadiness(
    name: str, kind: str, frames: Iterable[Views], motion_between: Callable[[Pixels, Pixels], Motion]
) -> Steadiness:
    errors: dict[str, list[float | None]] = {}
    shown: deque[Views] = deque(maxlen=SHOWN)
    last, last_shown = None, None
    for count, views in enumerate(frames, start=1):
        if last is not None:
            motion = motion_between(last[ITSELF], views[ITSELF])
            for label, view in views.items():
                errors[label].append(warping_error(last[label], view, motion))
            last_shown = motion if count <= _SHOWN_UNTIL else last_shown
        else:
            errors.update({label: [] for label in views})
        if count <= _SHOWN_UNTIL:
            shown.append(views)
        last = views
    return Steadiness(name, kind, errors, tuple(shown), last_shown)


def _noisy(picture: Pixels, noise: np.random.Generator) -> Pixels:
    noisy = picture + noise.normal(0, _NOISE_LEVELS, picture.shape)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def _mean(errors: list[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return fmean(known) if known else None
