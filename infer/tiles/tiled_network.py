"""The transformer network on pictures of any size, with statistics of the whole picture."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache, partial
from itertools import chain
from pathlib import Path

import torch

from allaprima.infer.engines.eager import bytes_per_pixel_and_width, free_memory_on, resolve_device
from allaprima.infer.engines.memory import free_memory
from allaprima.infer.engines.protocol import bytes_per_pixel
from allaprima.infer.network.byte_network import ByteNetwork
from allaprima.infer.network.contrast import Fade, tones_of
from allaprima.infer.network.folding import fold
from allaprima.infer.network.normalization import in_best_layout
from allaprima.models.transformer import TransformerNetwork

from .contrast_in_strips import fade_of
from .feature_maps import FileMap, Map, MapKind, MemoryMap
from .norm_statistics import FixedNorm, Moments, fix_norms
from .run_over_tiles import MakeMap, Passes, Placing
from .split_at_norms import Cutter, Part, Run
from .windows import Window


class TiledNetwork:
    """A network that works on tiles; one picture at a time.

    What it paints is what the network paints that sees the whole picture, up to rounding, for
    instance normalisation is given the statistics of the whole.

    Args:
        network: In evaluation mode; it is copied.
        device: As for `EagerEngine`.
        dtype: Of weights and feature maps.
        prepare: Makes a part faster, for example by compiling it.

    Attributes:
        parts: Returns the parts of the network, as `Cutter.parts`.
        bytes_per_pixel: Memory that a tile takes.
        margin: Pixels around a tile that are computed too, at most.
    """

    def __init__(
        self,
        network: TransformerNetwork,
        *,
        device: str = "auto",
        dtype: torch.dtype = torch.float32,
        prepare: Callable[[Run], Run] = lambda run: run,
    ) -> None:
        torch_device = resolve_device(device)
        folded = fold(network).eval()
        tones = tones_of(folded)
        folded, layout = in_best_layout(folded, torch_device.type, dtype)
        self._placing = Placing(torch_device, dtype, layout)
        self._bytes = ByteNetwork(folded, tones)
        self._cell = network.settings.stride
        paints = self._bytes.network
        fix_norms(paints)
        self._cutter = Cutter(paints, "paint", self._cell, prepare)
        self.parts, self._whole = cache(self._cutter.parts), self._cutter.last()
        self._bytes.to(torch_device, dtype).to(memory_format=layout)
        for module in paints.modules():
            if isinstance(module, FixedNorm):
                module.float()
        self._bytes.contrast.float()
        per_width = bytes_per_pixel_and_width(torch_device, dtype)
        self.bytes_per_pixel = bytes_per_pixel(per_width, network.settings)
        self.margin = self._whole.margin * self._cell

    def free_memory(self) -> int:
        """Return the bytes that tiles can still have where they are computed."""
        free = free_memory_on(self._placing.device)
        return free_memory() if free is None else free

    def scratch_bytes(self, height: int, width: int) -> int:
        """Return how much of a disk the maps take that parts of the network pass on, at most."""
        parts = self.parts(keep=True)
        kept = {kind for part in parts for kind in part.inputs} - {self._cutter.picture}
        channels = [
            sum(kind.channels for kind in kept.intersection((*part.inputs, *part.outputs))) for part in parts
        ]
        cells = -(-height // self._cell) * -(-width // self._cell)
        return max(channels) * cells * self._placing.dtype.itemsize

    @torch.inference_mode()
    def stylize(
        self, source: Map, target: Map, *, side: int, scratch: Path | None, reduced: Map | None = None
    ) -> Iterator[float]:
        """Paint a picture, and yield after each tile which share of all work is done.

        Args:
            source: The picture: bytes, or floats of 0 to 255.
            target: Where it is painted to, of the same size and type.
            side: Longest side of a tile, in pixels.
            scratch: A folder for maps that one part of the network passes on to the next, or None: then
                each part begins with the picture, which takes several times as long.
            reduced: Take the statistics of this smaller picture instead of the picture's own.

        Raises:
            OSError: If the disk is full.
        """
        fade = fade_of(source, self._bytes.contrast)
        *parts, last = self.parts(keep=reduced is not None or scratch is not None)
        dtype = self._placing.dtype
        with ExitStack() as stack:
            passes = stack.enter_context(self._passes(source, side, partial(_file_map, scratch, dtype)))
            measuring = passes
            steps = self._measured(measuring, parts, last)
            if reduced is not None:
                measuring = stack.enter_context(self._passes(reduced, side, partial(_memory_map, dtype)))
                steps, last = self._measured(measuring, parts, last), self._whole
            total = len(parts) * measuring.tiles + passes.tiles
            for done, _ in enumerate(chain(steps, self._painted(passes, last, target, fade)), 1):
                yield done / total

    def _passes(self, picture: Map, side: int, make_map: MakeMap) -> Passes:
        cells = max(1, side // self._cell)
        named = (self._cutter.picture.name, picture)
        return Passes(named, cell=self._cell, side=cells, placing=self._placing, make_map=make_map)

    def _measured(self, passes: Passes, parts: Sequence[Part], last: Part) -> Iterator[None]:
        """Set the statistics of one normalisation after the other, and yield after each tile."""
        for number, part in enumerate(parts):
            later = {kind.name for other in (*parts[number + 1 :], last) for kind in other.inputs}
            moments = Moments()
            for _, features in passes.run(part, later):
                moments.add(features)
                yield
            assert part.norm is not None
            part.norm.fix(moments)

    def _painted(self, passes: Passes, last: Part, target: Map, fade: Fade) -> Iterator[None]:
        for tile, painted in passes.run(last, ()):
            finish = self._bytes.to_bytes if target.dtype == torch.uint8 else self._bytes.to_floats
            colours = finish(painted, fade)[0].permute(1, 2, 0).cpu()
            there = tile.times(self._cell).within(Window(0, target.height, 0, target.width))
            target.write(there, colours[: there.height, : there.width])
            yield


def _file_map(folder: Path | None, dtype: torch.dtype, kind: MapKind, rows: int, columns: int) -> Map:
    assert folder is not None
    size = (rows * kind.per_cell, columns * kind.per_cell, kind.channels)
    return FileMap(folder / f"{kind.name}.map", *size, dtype)


def _memory_map(dtype: torch.dtype, kind: MapKind, rows: int, columns: int) -> Map:
    return MemoryMap(torch.empty((rows * kind.per_cell, columns * kind.per_cell, kind.channels), dtype=dtype))
