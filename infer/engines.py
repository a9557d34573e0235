"""The runtimes that carry out a network, behind one small protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

import psutil
import torch
from torch import Tensor

from allaprima.models.memory import give_back_freed_memory, keep_freed_memory
from allaprima.models.transformer import TransformerNetwork

Precision = Literal["auto", "float32", "float16", "bfloat16"]

# Peak of one float32 pass per pixel and unit of width, measured on the CPU with torch 2.15: 993 bytes
# a pixel at width 32 from 1024x1024 to 2048x2048, 264 at width 8, 1988 at width 64.
_FLOAT32_BYTES_PER_PIXEL_AND_WIDTH = 31
# The same in bfloat16 on a CPU without units for it, where the 9x9 convolutions are unfolded: 5839
# bytes a pixel at width 32.
_CPU_HALF_BYTES_PER_PIXEL_AND_WIDTH = 185
# The picture before and after, as floats and as bytes.
_BYTES_PER_PIXEL_AROUND = 60

_CGROUP = Path("/sys/fs/cgroup")


class PictureTooLargeError(MemoryError):
    """A picture needs more memory than there is; the message names a size that would fit."""


class Engine(Protocol):
    """A network made ready on some runtime."""

    def __call__(self, content_images: Tensor) -> Tensor:
        """Return stylised pictures.

        Args:
            content_images: `(B, 3, H, W)`, RGB in [0, 1], float32, on any device.

        Returns:
            The same shape, range and type, on a device of the engine's choice.

        Raises:
            ValueError: If a picture is smaller than the network allows.
            PictureTooLargeError: If memory does not suffice.
        """
        ...


class TorchEngine:
    """The network in PyTorch, eager.

    On a CPU it lets the whole process keep the memory that it frees: `models/memory.py` says why.

    Args:
        network: What to carry out; it is moved and converted in place.
        device: `auto` takes CUDA, then Apple's MPS, then the CPU; or any torch device.
        precision: Type of weights and activations. `auto` is float16 on CUDA and float32 elsewhere.

    Raises:
        ValueError: If the device is unknown or absent.
    """

    def __init__(
        self, network: TransformerNetwork, *, device: str = "auto", precision: Precision = "auto"
    ) -> None:
        self.device = _resolve_device(device)
        keep_freed_memory()
        if precision == "auto":
            precision = "float16" if self.device.type == "cuda" else "float32"
        self.dtype: torch.dtype = getattr(torch, precision)
        # On a CPU without bfloat16 units, contiguous half-precision convolutions took 12 times as long.
        half = self.dtype.itemsize < 4
        self._layout = torch.channels_last if half else torch.contiguous_format
        self._network = network.eval().to(self.device, self.dtype).to(memory_format=self._layout)

    @torch.inference_mode()
    def __call__(self, content_images: Tensor) -> Tensor:
        """Return stylised pictures, as `Engine` describes."""
        needed = content_images.numel() // 3 * self._bytes_per_pixel
        free = _free_memory(self.device)
        # Linux kills a process that takes too much rather than tell it, so look first.
        if self.device.type == "cpu" and free is not None and needed > free:
            give_back_freed_memory()  # of earlier pictures
            free = _free_memory(self.device)
            if free is not None and needed > free:
                raise _too_large(content_images, needed, free)
        with _memory_errors_explained(content_images, needed, free):
            batch = content_images.to(self.device, self.dtype, memory_format=self._layout)
            stylized: Tensor = self._network(batch)
            return stylized.float().contiguous()

    @property
    def _bytes_per_pixel(self) -> int:
        if self.device.type == "cpu" and self.dtype.itemsize < 4:
            per_width = _CPU_HALF_BYTES_PER_PIXEL_AND_WIDTH
        else:
            per_width = _FLOAT32_BYTES_PER_PIXEL_AND_WIDTH * self.dtype.itemsize // 4
        return per_width * self._network.width + _BYTES_PER_PIXEL_AROUND


def _resolve_device(name: str) -> torch.device:
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    if name == "auto":
        return torch.device(present[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    count = torch.cuda.device_count()
    if (
        device is None
        or device.type not in present
        or (device.type == "cuda" and (device.index or 0) >= count)
    ):
        raise ValueError(f"device '{name}' is not available; this machine has: {', '.join(present)}")
    return device


def _free_memory(device: torch.device) -> int | None:
    """Return the bytes that can still be had, or None where nothing tells."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type != "cpu":
        return None
    available = int(psutil.virtual_memory().available)
    return min(available, _free_in_container(available))


def _free_in_container(otherwise: int) -> int:
    """Return what a container's memory limit (cgroup v2) leaves, its page cache not counted as used."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        statistics = (_CGROUP / "memory.stat").read_text().split()
    except (OSError, ValueError):  # no container, or the limit "max"
        return otherwise
    cache = int(statistics[statistics.index("inactive_file") + 1])
    return limit - used + cache


@contextmanager
def _memory_errors_explained(images: Tensor, needed: int, free: int | None) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        marks = ("out of memory", "not enough memory", "DefaultCPUAllocator")
        if isinstance(error, RuntimeError) and not any(mark in str(error) for mark in marks):
            raise
        raise _too_large(images, needed, free) from error


def _too_large(images: Tensor, needed: int, free: int | None) -> PictureTooLargeError:
    count, _, height, width = images.shape
    # Where the estimate was too low, half of the memory is a fresh start.
    share = 0.5 if free is None or free >= needed else max(free, 0) / needed
    side = int(max(height, width) * share**0.5 * 0.97) // 10 * 10
    fitting = [max(1, round(length * side / max(height, width))) for length in (width, height)]
    pictures = "" if count == 1 else f"{count} pictures of "
    known = "" if free is None else f", {free / 1e9:.1f} GB are free"
    return PictureTooLargeError(
        f"{pictures}{width}x{height} needs about {needed / 1e9:.1f} GB{known}; "
        f"{fitting[0]}x{fitting[1]} would fit: --max-side {side}"
    )
