"""How far stylised frames are from one another where the clip shows the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np

from allaprima.images.pixels import Pixels

from .optical_flow import FlowEstimator, Motion, warped_back
from .sintel_scene import Scene

Paint = Callable[[Pixels], Pixels]

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
        stylized: Of the stylised frames.
        untouched: Of the clip itself.
        kind: What the errors are measured along: `flow` estimated on the clip, the `truth`, or `still`,
            which is one picture with new noise in each frame.
    """

    name: str
    stylized: list[float | None]
    untouched: list[float | None]
    kind: str

    @property
    def mean(self) -> float | None:
        """The stylised frames' mean error; None if there is none."""
        return _mean(self.stylized)

    @property
    def untouched_mean(self) -> float | None:
        """The clip's own."""
        return _mean(self.untouched)


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


def clip_steadiness(name: str, frames: Iterable[tuple[Pixels, Pixels]]) -> Steadiness:
    """Return the warping errors of a clip, along the flow of its own frames.

    Args:
        name: Of the clip.
        frames: Each frame and its stylised one, of the same size.
    """
    estimate, last = FlowEstimator(), None
    stylized: list[float | None] = []
    untouched: list[float | None] = []
    for frame, painted in frames:
        if last is not None:
            motion = estimate(last[0], frame)
            untouched.append(warping_error(last[0], frame, motion))
            stylized.append(warping_error(last[1], painted, motion))
        last = (frame, painted)
    return Steadiness(name, stylized, untouched, "flow")


def scene_steadiness(name: str, scene: Scene, paint: Paint) -> Steadiness:
    """Return the warping error of a scene along its true motion."""
    before, after = paint(scene.before), paint(scene.after)
    return Steadiness(
        name,
        [warping_error(before, after, scene.motion)],
        [warping_error(scene.before, scene.after, scene.motion)],
        "truth",
    )


def still_steadiness(name: str, picture: Pixels, paint: Paint) -> Steadiness:
    """Return the flicker of a picture that stands still, with new noise of 3 levels in each frame."""
    noise = np.random.default_rng(_SEED)
    frames = [_noisy(picture, noise) for _ in range(_NOISY_FRAMES)]
    painted = [paint(frame) for frame in frames]
    height, width = picture.shape[:2]
    still = Motion(np.zeros((height, width, 2), np.float32), np.ones((height, width), bool))

    def errors(pictures: list[Pixels]) -> list[float | None]:
        return [warping_error(*pair, still) for pair in pairwise(pictures)]

    return Steadiness(name, errors(painted), errors(frames), "still")


def _noisy(picture: Pixels, noise: np.random.Generator) -> Pixels:
    noisy = picture + noise.normal(0, _NOISE_LEVELS, picture.shape)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def _mean(errors: list[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return fmean(known) if known else None
