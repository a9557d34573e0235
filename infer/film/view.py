"""What is shown of a stylised frame: blended with the original, or beside it."""

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from allaprima.images.clips.colours import EXACTLY


@dataclass(frozen=True)
class View:
    """How stylised frames are shown.

    Attributes:
        strength: Of the style: 1 shows the stylised frame, 0 the original, and between them a blend.
        side_by_side: Show the original on the left and the stylised frame on the right.
    """

    strength: float = 1
    side_by_side: bool = False

    @property
    def needs_original(self) -> bool:
        """Whether the original is needed in its full size."""
        return self.side_by_side or self.strength < 1

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
        self._reformatter = VideoReformatter()

    def __call__(self, stylized: NDArray[np.uint8], original: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        """Return what is shown of a stylised frame, in the original's size if that is given."""
        if original is None:
            return stylized
        shown = self._enlarged(stylized, original.shape[0], original.shape[1])
        if self._view.strength < 1:
            shown = blend(shown, original, self._view.strength)
        return np.hstack([original, shown]) if self._view.side_by_side else shown

    def _enlarged(self, picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        if picture.shape[:2] == (height, width):
            return picture
        frame = VideoFrame.from_numpy_buffer(picture)
        larger = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=EXACTLY, threads=1)
        return np.asarray(larger.to_ndarray(), np.uint8)


def blend(
    picture: NDArray[np.uint8], other: NDArray[np.uint8], share: float | NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return `share` of a picture and the rest of another."""
    weight = np.asarray(np.rint(np.asarray(share) * 256), np.uint16)
    mixed = picture.astype(np.uint16) * weight + other.astype(np.uint16) * (256 - weight) + 128
    return (mixed >> 8).astype(np.uint8)
