"""The comparison of an exported file with the eager network that it came from."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from allaprima.images.pixels import as_bytes, as_floats
from allaprima.models.transformer import TransformerNetwork

from .calibration_pictures import Batch
from .formats import Request

Runner = Callable[[NDArray[Any]], NDArray[Any]]
"""Carries out an exported file: `(B, 3, H, W)` float32, or `(B, H, W, 3)` uint8, to the same."""

LARGEST_PSNR = 200.0
"""What equal pictures count as, in dB, since JSON has no infinity."""


class ParityError(RuntimeError):
    """An exported file is further from the network than its precision explains; it is not kept."""


@dataclass(frozen=True)
class Parity:
    """Differences to the eager float32 network over all checked pixels, pictures in [0, 1]."""

    max_error: float
    mean_error: float
    psnr: float

    def __str__(self) -> str:
        return f"max {self.max_error:.2g}, mean {self.mean_error:.2g}, PSNR {self.psnr:.1f} dB"

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def measure_parity(
    runner: Runner, network: TransformerNetwork, batches: Sequence[Batch], *, uint8: bool
) -> Parity:
    """Return how far an exported file is from the network on some pictures.

    Raises:
        ParityError: If a result has another shape or is not finite.
    """
    differences = []
    for batch in batches:
        pictures: NDArray[Any] = as_bytes(batch) if uint8 else batch
        result = runner(pictures)
        if result.shape != pictures.shape or result.dtype != pictures.dtype:
            raise ParityError(
                f"{pictures.dtype} {pictures.shape} became {result.dtype} {result.shape}; expected the same"
            )
        if uint8:
            batch, result = as_floats(pictures), as_floats(result)
        with torch.inference_mode():
            expected = network(torch.from_numpy(batch)).double().numpy()
        differences.append(np.abs(result - expected).ravel())
    error = np.concatenate(differences)
    if not np.isfinite(error).all():
        raise ParityError("the exported file's pictures are not finite")
    psnr = min(LARGEST_PSNR, float(-10 * np.log10(np.square(error).mean() + 1e-30)))
    return Parity(float(error.max()), float(error.mean()), psnr)


def require_parity(parity: Parity, request: Request) -> None:
    """Raise ParityError where an exported file is out of its precision's tolerance."""
    limit = request.tolerance
    if parity.max_error > limit.max_error or parity.mean_error > limit.mean_error:
        raise ParityError(
            f"the {request.format} {request.precision} file differs from the network: {parity}; allowed "
            f"is max {limit.max_error:.2g}, mean {limit.mean_error:.2g}; nothing was written"
        )
