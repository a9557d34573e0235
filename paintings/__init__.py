"""Style pictures painted by the project's own code: of clear rights, and the same again from a seed."""

from collections.abc import Callable

from allaprima.images.pixels import Pixels

from .brush_strokes import brush_strokes
from .mosaic import mosaic
from .stained_glass import stained_glass
from .woodcut import woodcut

PAINTINGS: dict[str, Callable[[int, int], Pixels]] = {
    "brush-strokes": brush_strokes,
    "mosaic": mosaic,
    "stained-glass": stained_glass,
    "woodcut": woodcut,
}
"""From a painting's name to the function of size and seed that paints it."""

__all__ = ["PAINTINGS", "brush_strokes", "mosaic", "stained_glass", "woodcut"]
