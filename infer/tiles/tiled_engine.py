"""An engine for pictures of any size: what does not fit in memory is painted in tiles."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from allaprima.freed_memory import give_back_freed_memory
from allaprima.images.background import WHITE
from allaprima.images.colour import ColorChoice
from allaprima.images.large_picture_files import PictureFacts
from allaprima.images.picture_files import DEFAULT_MAX_PIXELS, DEFAULT_QUALITY
from allaprima.infer.engines.memory import PictureTooLargeError, free_memory
from allaprima.infer.engines.protocol import BaseEngine, checked_size

from .memory_budget import Budget, Tiles

if TYPE_CHECKING:
    from torch import Tensor

    from .painter import TilePainter


class BoundedEngine:
    """Runs pictures on an engine as long as they fit in memory, and the others in tiles, in PyTorch.

    Args:
        engine: What runs those that fit.
        make_painter: Makes what paints those that do not, when the first one comes.
        budget: The memory that may be taken.
        color: Of what `paint_file` paints; all else is for the caller to colour.
        background: Of that too, as for `Stylizer`.
        tiles: How the painter comes by statistics, for whoever asks.
    """

    def __init__(
        self,
        engine: BaseEngine,
        make_painter: "Callable[[], TilePainter]",
        budget: Budget,
        *,
        color: ColorChoice = "style",
        background: str = WHITE,
        tiles: Tiles = "auto",
    ) -> None:
        self.tiles: Tiles = tiles
        self.engine, self._make_painter, self._budget = engine, make_painter, budget
        self._colours: dict[str, Any] = {"color": color, "background": background}
        self._of_this_thread = local()

    def fits(self, height: int, width: int, count: int = 1) -> bool:
        """Return whether pictures of a size are painted in one piece."""
        needed = self.engine.memory_needed(count, height, width)
        if needed > self._left():
            give_back_freed_memory()  # of earlier pictures
        return needed <= self._left()

    def __call__(self, content_images: NDArray[Any], /) -> NDArray[Any]:
        """Return stylised pictures, as `Engine` describes, whatever their size."""
        if self._all_fit(content_images):
            try:
                return self.engine(content_images)
            except PictureTooLargeError:  # the estimate was too low, or somebody else was faster
                give_back_freed_memory()
        return self._in_tiles(content_images)

    def on_tensors(self, content_images: "Tensor") -> "Tensor":
        """Return stylised pictures, as `EagerEngine.on_tensors`, without a detour on that engine only."""
        import torch

        from allaprima.infer.engines.eager import EagerEngine

        count, _, height, width = content_images.shape
        if isinstance(self.engine, EagerEngine) and self.fits(height, width, count):
            return self.engine.on_tensors(content_images)
        return torch.from_numpy(self(content_images.cpu().float().contiguous().numpy()))

    def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield each batch stylised, in order, by the engine's own stream as far as they fit."""
        for fits, alike in groupby(batches, self._all_fit):
            if fits:
                yield from self.engine.stream(alike)
            else:
                yield from map(self._in_tiles, alike)

    def paint_file(
        self,
        source: Path,
        target: Path,
        facts: PictureFacts,
        *,
        quality: int = DEFAULT_QUALITY,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> Iterator[float]:
        """Paint a file in tiles, as `allaprima.infer.tiles.paint_file.paint_file`."""
        from .paint_file import paint_file

        options: dict[str, Any] = {"quality": quality, "max_pixels": max_pixels, **self._colours}
        yield from paint_file(self._painter, source, target, facts=facts, **options)

    @property
    def _painter(self) -> "TilePainter":
        """This thread's own, which holds the statistics of one picture; threads may share an engine."""
        painter: TilePainter | None = getattr(self._of_this_thread, "painter", None)
        if painter is None:
            painter = self._of_this_thread.painter = self._make_painter()
        return painter

    def _all_fit(self, batch: NDArray[Any]) -> bool:
        count, height, width = checked_size(batch)
        return self.fits(height, width, count)

    def _left(self) -> int:
        free = self.engine.free_memory()
        return self._budget.left(free_memory() if free is None else free)

    def _in_tiles(self, images: NDArray[Any]) -> NDArray[Any]:
        import torch

        from .feature_maps import MemoryMap

        bytes_ = images.dtype == np.uint8
        painted = np.empty(images.shape if bytes_ else (len(images), *images.shape[2:], 3), images.dtype)
        for picture, result in zip(images, painted, strict=True):
            pixels = picture if bytes_ else picture.transpose(1, 2, 0) * np.float32(255)
            writeable = pixels if pixels.flags.writeable else pixels.copy()
            maps = MemoryMap(torch.from_numpy(writeable)), MemoryMap(torch.from_numpy(result))
            for _ in self._painter.paint(*maps, name="picture"):
                pass
        return painted if bytes_ else np.ascontiguousarray(painted.transpose(0, 3, 1, 2))
