"""PyTorch, compiled by Inductor when the first picture comes."""

import shutil
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx.experimental import _config as symbolic_shapes

from allaprima.models.transformer import TransformerNetwork

from .eager import EagerEngine
from .protocol import Precision


class CompiledEngine(EagerEngine):
    """The network through `torch.compile`, for all sizes; on CUDA also recorded, which has not been run.

    The first picture waits for the compiler: 1 to 2 minutes on two CPU cores, seconds when Inductor's
    cache on disk has the network already. The first whose sides are no multiples of 4 waits once more.

    Args:
        network: As for `EagerEngine`.
        device: As for `EagerEngine`.
        precision: As for `EagerEngine`.

    Raises:
        ValueError: If the device is absent, or on a CPU there is no C++ compiler.
    """

    def __init__(
        self, network: TransformerNetwork, *, device: str = "auto", precision: Precision = "auto"
    ) -> None:
        super().__init__(network, device=device, precision=precision)
        if self.device.type == "cpu" and not has_compiler():
            raise ValueError(
                "engine 'compiled' needs a C++ compiler on a CPU and found no g++ or clang++; install one "
                "(Debian: apt install g++), or use --engine eager"
            )
        # CUDA graphs, recorded for each size that comes.
        mode = "reduce-overhead" if self.device.type == "cuda" else None
        self._on_bytes = _for_all_sizes(torch.compile(self._on_bytes, dynamic=True, mode=mode))
        self._on_floats = _for_all_sizes(torch.compile(self._on_floats, dynamic=True, mode=mode))

    def _stylized(self, images: Tensor) -> Tensor:
        stylized = super()._stylized(images)
        # The next pass of a CUDA graph takes the same memory.
        return stylized.clone() if self.device.type == "cuda" else stylized


def _for_all_sizes(compiled: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Keep a compiled network from being made again for each batch of one and each square picture."""

    def run(images: Tensor) -> Tensor:
        with symbolic_shapes.patch(backed_size_oblivious=True, use_duck_shape=False):  # type: ignore[attr-defined]
            return compiled(images)

    return run


def has_compiler() -> bool:
    """Return whether Inductor finds a C++ compiler."""
    from torch._inductor import config

    named = config.cpp.cxx
    candidates = named if isinstance(named, (list, tuple)) else [named]
    return any(shutil.which(name) for name in (*candidates, "g++", "clang++") if name)
