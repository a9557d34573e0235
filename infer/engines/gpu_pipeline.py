"""Pictures in a row through a GPU: while one is computed, the next is copied in and the last one out."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

_IN_FLIGHT = 2


class CudaPipeline:
    """Batches on their way through a GPU, in order, by way of page-locked memory.

    Args:
        compute: Maps a batch on the device to a new one, on the current stream.
        device: The GPU.
    """

    def __init__(self, compute: Callable[[Tensor], Tensor], device: torch.device) -> None:
        self._compute, self._device = compute, device
        self._copies_in: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._copies_out: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._flying: deque[tuple[Tensor, torch.cuda.Event]] = deque()

    @property
    def full(self) -> bool:
        """Whether a result should be taken before another batch is given."""
        return len(self._flying) >= _IN_FLIGHT

    @torch.inference_mode()
    def give(self, batch: NDArray[Any]) -> None:
        """Send a batch on its way; the array may be used again at once."""
        current = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._copies_in):
            images = torch.from_numpy(batch).pin_memory().to(self._device, non_blocking=True)
        current.wait_stream(self._copies_in)
        images.record_stream(current)
        stylized = self._compute(images)
        self._copies_out.wait_stream(current)
        with torch.cuda.stream(self._copies_out):
            result = torch.empty(stylized.shape, dtype=stylized.dtype, pin_memory=True)
            result.copy_(stylized, non_blocking=True)
            stylized.record_stream(self._copies_out)
            # Waiting for it leaves the core to who decodes.
            done: torch.cuda.Event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            done.record(self._copies_out)
        self._flying.append((result, done))

    def take(self) -> NDArray[Any]:
        """Wait for the oldest batch and return it."""
        result, done = self._flying.popleft()
        done.synchronize()
        return result.numpy()

    def rest(self) -> Iterator[NDArray[Any]]:
        """Yield what is still on its way."""
        while self._flying:
            yield self.take()
