"""Pictures that are too large for memory: which way they are painted, and the work itself."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image

from allaprima.freed_memory import give_back_freed_memory
from allaprima.infer.engines.protocol import check_sides
from allaprima.models.network_settings import MINIMUM_SIZE
from allaprima.unfinished_files import scratch_folder

from .feature_maps import Map, MemoryMap
from .memory_budget import Budget, Tiles, tile_side
from .tiled_network import TiledNetwork
from .windows import Window

REDUCED_SIDE = 2048
"""Longer side, about, of the picture that `fast` takes its statistics from."""

_SHARE_OF_DISK = 0.9

_log = logging.getLogger(__name__)


class TilePainter:
    """Paints pictures of any size; one at a time.

    Args:
        network: What paints.
        tiles: Which way.
        budget: Memory that it may take.
    """

    def __init__(self, network: TiledNetwork, *, tiles: Tiles = "auto", budget: Budget) -> None:
        self._network, self._tiles, self._budget = network, tiles, budget

    def paint(self, source: Map, target: Map, *, name: str, folder: Path | None = None) -> Iterator[float]:
        """Paint a picture, and yield now and then which share of the work is done.

        Args:
            source: The picture, bytes or floats of 0 to 255.
            target: Where it is painted to, of the same size; bytes, or floats in [0, 1].
            name: What log messages call it.
            folder: Where there is room for what does not fit in memory; None takes the system's for
                temporary files.

        Raises:
            OSError: If the disk is full.
        """
        check_sides(source.height, source.width)
        give_back_freed_memory()
        network = self._network
        side = tile_side(self._budget.left(network.free_memory()), network.bytes_per_pixel, network.margin)
        with ExitStack() as stack:
            scratch = stack.enter_context(scratch_folder(folder or Path(tempfile.gettempdir())))
            way = self._way(source.height, source.width, scratch)
            _log.info(
                "%s has %dx%d pixels, too many for one piece: painting tiles of up to %d, %s",
                name,
                source.width,
                source.height,
                side,
                _SAID[way],
            )
            reduced = _reduced(source) if way == "fast" else None
            yield from network.stylize(
                source, target, side=side, scratch=scratch if way == "exact" else None, reduced=reduced
            )

    def _way(self, height: int, width: int, scratch: Path) -> Literal["exact", "recomputed", "fast"]:
        if self._tiles == "fast":
            return "fast"
        room = shutil.disk_usage(scratch).free * _SHARE_OF_DISK
        if self._network.scratch_bytes(height, width) <= room:
            return "exact"
        return "recomputed" if self._tiles == "exact" else "fast"


_SAID = {
    "exact": "with exact statistics",
    "recomputed": "with exact statistics, slowly, for the disk has no room for feature maps",
    "fast": f"with the statistics of a reduced picture of about {REDUCED_SIDE} pixels",
}


def _reduced(source: Map) -> MemoryMap:
    """Return a picture, averaged over blocks, with a longer side of at most `REDUCED_SIDE`.

    A narrow picture stays longer: its shorter side keeps the pixels that the network needs.
    """
    shorter, longer = sorted((source.height, source.width))
    factor = min(-(-longer // REDUCED_SIDE), shorter // MINIMUM_SIZE)
    strips = []
    for top in range(0, source.height - factor + 1, factor * max(1, 128 // factor)):
        bottom = min(top + factor * max(1, 128 // factor), source.height // factor * factor)
        pixels = source.read(Window(top, bottom, 0, source.width // factor * factor))
        bytes_ = pixels.to(torch.uint8).numpy()
        strips.append(np.asarray(Image.fromarray(bytes_).reduce(factor)))
    return MemoryMap(torch.from_numpy(np.concatenate(strips)))
