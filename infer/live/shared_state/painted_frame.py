"""A picture on its way to who looks at it."""

from collections.abc import Callable
from dataclasses import dataclass

from allaprima.images.pixels import Pixels


@dataclass(frozen=True, eq=False)
class PaintedFrame:
    """A painted picture.

    Attributes:
        picture: RGB, always of the source's first size, `(H, W, 3)`, uint8.
        captured: When its frame came from the source, by `time.perf_counter`.
        still: Whether it was shown before, and the source has been lost since.
    """

    picture: Pixels
    captured: float
    still: bool = False


Displayed = Callable[[PaintedFrame], None]
"""What an output calls when a picture has left it: it is on the screen, in the file, with the client."""
