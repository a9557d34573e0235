"""What is shown of a stylised frame: blended with the original, or beside it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allaprima.images.colour import ColorChoice, with_colours_of
from allaprima.images.pixels import Pixels, resized
from allaprima.images.video.protocol import Frame

from .deflicker import Steady
from .scene_cuts import CutDetector


@dataclass(frozen=True)
class View:
    """How stylised frames are shown.

    Attributes:
        strength: Of the style: 1 shows the stylised frame, 0 the original, and between them a blend.
        side_by_side: Show the original on the left and the stylised frame on the right.
        steady: How much of the frame before stays where the clip did not change, below 1; 0 leaves flicker.
        color: `style` shows the style's colours, `keep` those of the original.
    """

    strength: float = 1
    side_by_side: bool = False
    steady: float = 0
    color: ColorChoice = "style"

    @property
    def needs_original(self) -> bool:
        """Whether the original is needed in its full size."""
        return self.side_by_side or self.strength < 1 or self.color == "keep"

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of what is shown of a clip of that size."""
        return height, 2 * width if self.side_by_side else width


class Viewer:
    """Makes what is shown, frame by frame.

    Args:
        view: How.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._steady = Steady(view.steady) if view.steady else None
        self._begins_scene = CutDetector()

    def __call__(self, frame: Frame, stylized: Pixels) -> Pixels:
        """Return what is shown of a stylised frame, in the clip's size if `frame.whole` is there."""
        if self._steady:
            if self._begins_scene(frame.picture):
                self._steady.reset()
            stylized = self._steady(frame.picture, stylized)
        original = frame.whole
        if original is None:
            return stylized
        shown = resized(stylized, *original.shape[:2])
        if self._view.color == "keep":
            shown = with_colours_of(original, shown)
        if self._view.strength < 1:
            shown = blend(shown, original, self._view.strength)
        return np.hstack([original, shown]) if self._view.side_by_side else shown


def blend(picture: Pixels, other: Pixels, share: float | NDArray[np.float32]) -> Pixels:
    """Return `share` of a picture and the rest of another."""
    weight = np.asarray(np.rint(np.asarray(share) * 256), np.uint16)
    mixed = picture.astype(np.uint16) * weight + other.astype(np.uint16) * (256 - weight) + 128
    return (mixed >> 8).astype(np.uint8)
