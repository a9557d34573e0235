"""What an engine is, and what all of them do around their runtime."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from allaprima.infer.forks import keep_when_forked
from allaprima.models.network_settings import MINIMUM_SIZE, NetworkSettings

from . import memory

# The picture before and after, as floats and as bytes.
_BYTES_PER_PIXEL_AROUND = 60


class Engine(Protocol):
    """A style made ready on some runtime."""

    def __call__(self, content_images: NDArray[Any], /) -> NDArray[Any]:
        """Return stylised pictures.

        Args:
            content_images: RGB as bytes, `(B, H, W, 3)`, uint8; or as floats in [0, 1],
                `(B, 3, H, W)`, float32. Of any size that the model allows.

        Returns:
            The same shape, range and type.

        Raises:
            ValueError: If a picture is smaller than the network allows, or not of the one size that
                an exported model takes.
            PictureTooLargeError: If memory does not suffice.
        """
        ...


class BaseEngine(ABC):
    """Checks of shape and memory around a runtime.

    Args:
        bytes_per_pixel_and_width: Peak memory of a pass per pixel that the network works on, and unit of
            its width.
        network: The network.
        precision: In which it computes.
    """

    def __init__(self, bytes_per_pixel_and_width: int, network: NetworkSettings, precision: str) -> None:
        keep_when_forked(self)
        self.precision = precision
        self._left: Callable[[int], int] | None = None
        self._kept = 0  # of earlier pictures, and used again
        self._bytes_per_pixel = bytes_per_pixel(bytes_per_pixel_and_width, network)

    def __call__(self, content_images: NDArray[Any], /) -> NDArray[Any]:
        """Return stylised pictures, as `Engine` describes."""
        with self._memory_for(*checked_size(content_images)):
            return self._run(content_images)

    def memory_needed(self, count: int, height: int, width: int) -> int:
        """Return an estimate of the bytes that a batch takes at its peak."""
        return count * height * width * self._bytes_per_pixel

    def free_memory(self) -> int | None:
        """Return the bytes that may still be taken where it computes, or None where nothing tells."""
        free = self._free_on_device()
        return free if free is None or self._left is None else self._left(free)

    def limit_memory(self, left: Callable[[int], int]) -> None:
        """Take less than what is free.

        Args:
            left: Returns which of the bytes that are free may be taken.
        """
        self._left = left

    def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield each batch stylised, in order, such as the frames of a film.

        Args:
            batches: As `Engine` takes them, also of different sizes.

        Raises:
            ValueError: As `Engine`.
            PictureTooLargeError: As `Engine`.
        """
        for batch in batches:
            yield self(batch)

    @abstractmethod
    def _run(self, content_images: NDArray[Any]) -> NDArray[Any]:
        """Stylise what has been checked."""

    def _free_on_device(self) -> int | None:
        return memory.free_memory()

    def _memory_for(self, count: int, height: int, width: int) -> memory.WithinMemory:
        needed = self.memory_needed(count, height, width)
        look_first = needed > self._kept
        return memory.WithinMemory((count, height, width), needed, self.free_memory, look_first=look_first)


def bytes_per_pixel(per_pixel_and_width: int, network: NetworkSettings) -> int:
    """Return the peak memory of a pass, for each pixel of the picture."""
    return per_pixel_and_width * network.width // network.end_stride**2 + _BYTES_PER_PIXEL_AROUND


def checked_size(images: NDArray[Any]) -> tuple[int, int, int]:
    """Return the number of pictures, height and width, or raise ValueError."""
    shape = images.shape
    if images.dtype == np.uint8 and images.ndim == 4 and shape[3] == 3:
        count, height, width = shape[:3]
    elif images.dtype == np.float32 and images.ndim == 4 and shape[1] == 3:
        count, _, height, width = shape
    else:
        raise ValueError(
            f"content_images is {images.dtype} {shape}; expected uint8 (B, H, W, 3) or float32 (B, 3, H, W)"
        )
    check_sides(height, width)
    return count, height, width


def check_sides(height: int, width: int) -> None:
    """Raise ValueError if a picture is smaller than the network allows."""
    if min(height, width) < MINIMUM_SIZE:
        raise ValueError(
            f"picture is {width}x{height} pixels; the smallest that works is {MINIMUM_SIZE}x{MINIMUM_SIZE}"
        )
