"""PyTorch, eager: the engine that is always there and that the others are compared with."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from allaprima.freed_memory import keep_freed_memory
from allaprima.infer.network.byte_network import ByteNetwork
from allaprima.infer.network.contrast import tones_of
from allaprima.infer.network.float_network import FloatNetwork
from allaprima.infer.network.folding import fold
from allaprima.infer.network.normalization import in_best_layout
from allaprima.infer.precision import PrecisionChoice
from allaprima.models.style_file import load_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.present_devices import present_devices

from . import memory
from .gpu_pipeline import CudaPipeline
from .protocol import BaseEngine, checked_size

# Peak of one float32 pass per pixel and unit of width, measured on the CPU with torch 2.15: 420 to 458
# bytes a pixel at width 32 from 512x512 to 2048x2048 for bytes, 482 to 617 for floats.
_FLOAT32_BYTES_PER_PIXEL_AND_WIDTH = 18
# The same in bfloat16 on a CPU without units for it, which lays out a convolution's windows: 2143 bytes
# a pixel at width 32 and 512x512.
_CPU_HALF_BYTES_PER_PIXEL_AND_WIDTH = 66


class EagerEngine(BaseEngine):
    """The network in PyTorch, eager.

    The network is folded (`infer/network/folding.py`) and in the layout that suits the device
    (`infer/network/normalization.py`). On a CPU the whole process keeps the memory that it frees
    (`allaprima/freed_memory.py` says why). On CUDA it computes in half precision and moves pictures as
    bytes; float32 is TF32 in convolutions there, as PyTorch decides.

    Args:
        network: What to carry out; it is copied.
        device: `auto` takes CUDA, then Apple's MPS, then the CPU; or any torch device.
        precision: Type of weights and activations. `auto` is float16 on CUDA and float32 elsewhere.

    Raises:
        ValueError: If the device is unknown or absent.
    """

    def __init__(
        self, network: TransformerNetwork, *, device: str = "auto", precision: PrecisionChoice = "auto"
    ) -> None:
        self.device = resolve_device(device)
        keep_freed_memory()
        if precision == "auto":
            precision = "float16" if self.device.type == "cuda" else "float32"
        self.dtype: torch.dtype = getattr(torch, precision)
        super().__init__(bytes_per_pixel_and_width(self.device, self.dtype), network.settings, precision)
        folded = fold(network).eval()
        tones = tones_of(folded)
        network, layout = in_best_layout(folded, self.device.type, self.dtype)
        on_bytes = ByteNetwork(network, tones, self.dtype, layout)
        on_floats = FloatNetwork(network, tones, self.dtype, layout)
        self._on_bytes: Callable[[Tensor], Tensor] = on_bytes.to(self.device)
        self._on_floats: Callable[[Tensor], Tensor] = on_floats.to(self.device)

    @torch.inference_mode()
    def on_tensors(self, content_images: Tensor) -> Tensor:
        """Return stylised pictures without a detour over the host's memory.

        Args:
            content_images: `(B, 3, H, W)`, RGB in [0, 1], of any floating type and device.

        Returns:
            The same shape and range, float32, on the engine's device.

        Raises:
            ValueError: If a picture is smaller than the network allows.
            PictureTooLargeError: If memory does not suffice.
        """
        count, _, height, width = content_images.shape
        with self._memory_for(count, height, width):
            return self._stylized(content_images)

    def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield stylised batches, as `BaseEngine.stream`.

        On CUDA copies overlap with what is computed: a result comes when the next batch was taken, and lies
        in page-locked memory, which the system has less of; let go of it soon.
        """
        if self.device.type != "cuda":
            yield from super().stream(batches)
            return
        pipeline = CudaPipeline(self._on_device, self.device)
        try:
            for batch in batches:
                with self._memory_for(*checked_size(batch)):
                    pipeline.give(_writeable(batch))
                if pipeline.full:
                    yield pipeline.take()
        except Exception:
            yield from pipeline.rest()  # what came before the batch that failed
            raise
        yield from pipeline.rest()

    @torch.inference_mode()
    def _run(self, content_images: NDArray[Any]) -> NDArray[Any]:
        images = torch.from_numpy(_writeable(content_images)).to(self.device)
        return self._on_device(images).cpu().numpy()

    def _on_device(self, images: Tensor) -> Tensor:
        return self._on_bytes(images) if images.dtype == torch.uint8 else self._stylized(images)

    def _stylized(self, images: Tensor) -> Tensor:
        return self._on_floats(images.to(self.device).float()).contiguous()

    def _free_on_device(self) -> int | None:
        return free_memory_on(self.device)

    def _memory_for(self, count: int, height: int, width: int) -> memory.WithinMemory:
        needed = self.memory_needed(count, height, width)
        on_cpu = self.device.type == "cpu"
        return memory.WithinMemory((count, height, width), needed, self.free_memory, look_first=on_cpu)


def bytes_per_pixel_and_width(device: torch.device, dtype: torch.dtype) -> int:
    """Return the peak of a pass, for each pixel that the network works on and unit of its width."""
    if device.type == "cpu" and dtype.itemsize < 4:
        return _CPU_HALF_BYTES_PER_PIXEL_AND_WIDTH
    return _FLOAT32_BYTES_PER_PIXEL_AND_WIDTH * dtype.itemsize // 4


def free_memory_on(device: torch.device) -> int | None:
    """Return the bytes that can still be had on a device, or None where nothing tells."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return memory.free_memory() if device.type == "cpu" else None


def load_style_file(path: Path, *, device: str, precision: PrecisionChoice) -> EagerEngine:
    """Return a style file's network in PyTorch, eager."""
    return EagerEngine(load_style(path).network, device=device, precision=precision)


def _writeable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that PyTorch takes without a warning."""
    return array if array.flags.writeable else array.copy()


def resolve_device(name: str) -> torch.device:
    """Return a device that is there, or raise ValueError naming those that are."""
    present = present_devices()
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
