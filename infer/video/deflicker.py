"""Less flicker where nothing moves: what was painted stays, as far as the picture did not change."""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from allaprima.images.pixels import Pixels

# At which difference of levels, averaged over a neighbourhood, a third of the share is left. docs/video.md
# says what 4, 8 and 12 gave.
_TOLERANCE = 8


class Steady:
    """Blends a stylised frame with the one before where the clip did not change.

    Args:
        share: Of the frame before, where nothing changed at all.
    """

    def __init__(self, share: float = 0.8) -> None:
        kept = 255 * share * np.exp(-((np.arange(256) / _TOLERANCE) ** 2))
        self._kept = np.rint(kept).astype(int).tolist()
        self._last: tuple[Image.Image, Image.Image] | None = None

    def reset(self) -> None:
        """Forget what was shown: a scene begins."""
        self._last = None

    def __call__(self, picture: Pixels, stylized: Pixels) -> Pixels:
        """Return what is shown instead of a stylised frame.

        Args:
            picture: The clip's frame.
            stylized: What the network made of it, of the same size.
        """
        now, shown = Image.fromarray(picture), Image.fromarray(stylized)
        if self._last is not None and self._last[0].size == now.size:
            before, painted = self._last
            shown = Image.composite(painted, shown, self._mask(now, before))
        self._last = (now, shown)
        return np.asarray(shown)

    def _mask(self, now: Image.Image, before: Image.Image) -> Image.Image:
        """Return how much of the frame before is kept at each pixel."""
        red, green, blue = ImageChops.difference(now, before).split()
        largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        radius = max(1, min(now.size) // 120)
        near = largest.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.MaxFilter(3))
        return near.point(self._kept)
