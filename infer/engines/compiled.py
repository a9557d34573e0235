"""PyTorch, compiled by Inductor when the first picture comes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._dynamo import config as dynamo
from torch._dynamo.exc import TorchDynamoException
from torch.fx.experimental import _config as symbolic_shapes

from allaprima.infer.forks import refuse_late_fork
from allaprima.infer.precision import PrecisionChoice
from allaprima.models.style_file import load_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.terminal import one_line

from .eager import EagerEngine


class CompiledEngine(EagerEngine):
    """The network through `torch.compile`, for all sizes; on CUDA also recorded.

    The first picture waits for the compiler: 1 to 2 minutes on two CPU cores, seconds when Inductor's
    cache on disk has the network already.

    Args:
        network: As for `EagerEngine`.
        device: As for `EagerEngine`.
        precision: As for `EagerEngine`.

    Raises:
        ValueError: If the device is absent, or on a CPU there is no C++ compiler.
    """

    def __init__(
        self, network: TransformerNetwork, *, device: str = "auto", precision: PrecisionChoice = "auto"
    ) -> None:
        super().__init__(network, device=device, precision=precision)
        if self.device.type == "cpu" and not has_compiler():
            raise ValueError(
                "engine 'compiled' needs a C++ compiler on a CPU and found no g++ or clang++; install one "
                "(Debian: apt install g++), or use --engine eager"
            )
        on_cuda = self.device.type == "cuda"
        self._on_bytes = _compiled(self._on_bytes, graphs=on_cuda)
        self._on_floats = _compiled(self._on_floats, graphs=on_cuda)


def _compiled(function: Callable[[Tensor], Tensor], *, graphs: bool) -> Callable[[Tensor], Tensor]:
    """Return a network compiled for all sizes, and with CUDA graphs recorded for each size that comes."""
    run = compiled_for_all_sizes(function, mode="reduce-overhead" if graphs else None)
    # A graph's next pass takes the same memory.
    return (lambda images: run(images).clone()) if graphs else run


def compiled_for_all_sizes(function: Callable[..., Any], *, mode: str | None = None) -> Callable[..., Any]:
    """Return a function of tensors, compiled when it is first called.

    It raises ValueError if this version of PyTorch cannot compile it for the device, and RuntimeError in a
    process that was forked after anything was compiled: the number of threads is compiled in, and it would
    wait for ever for those that stayed with the parent, as the compiler would.
    """
    compiled = torch.compile(function, dynamic=True, mode=mode)

    def run(*tensors: Tensor) -> Any:
        refuse_late_fork("compiled", "paint", after="its first picture")
        with (
            # Without this it is compiled again for batches of one and for square pictures,
            symbolic_shapes.patch(backed_size_oblivious=True, use_duck_shape=False),  # type: ignore[attr-defined]
            # and takes numbers for inputs, which are copied to CUDA with every picture, outside its graph.
            dynamo.patch(specialize_float=True),
        ):
            try:
                return compiled(*tensors)
            except TorchDynamoException as error:
                device = tensors[0].device.type
                raise ValueError(
                    f"PyTorch {torch.__version__} cannot compile the network for {device} "
                    f"({one_line(error)[:200]}); use --engine eager"
                ) from error

    return run


def load_style_file(path: Path, *, device: str, precision: PrecisionChoice) -> CompiledEngine:
    """Return a style file's network in PyTorch, compiled."""
    return CompiledEngine(load_style(path).network, device=device, precision=precision)


def has_compiler() -> bool:
    """Return whether Inductor finds a C++ compiler."""
    from torch._inductor import config

    named = config.cpp.cxx
    candidates = named if isinstance(named, (list, tuple)) else [named]
    return any(shutil.which(name) for name in (*candidates, "g++", "clang++") if name)
