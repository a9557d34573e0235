"""How steady a network is, by photographs that are made to move: figures that a style file holds."""

from collections.abc import Callable, Sequence
from statistics import fmean

import torch
from torch import Tensor

from allaprima.images.pixels import Pixels
from allaprima.images.tensors import to_image
from allaprima.train.objective.temporal_consistency import frame_after, mean_where_visible, moved

_MOTIONS = 4
"""Motions of each photograph."""

_NOISE_LEVELS = 3.0
"""Deviation of the noise of a photograph that stands still, as in `evaluate --video`."""


@torch.no_grad()
def steadiness_figures(
    paint: Callable[[Tensor], Tensor], photographs: Sequence[Pixels], device: torch.device
) -> dict[str, float]:
    """Return `warping_error` and `flicker`, in levels of 255, the same for the same photographs every time.

    The first is the mean difference between the painting of a photograph that has moved, as in training, and
    its moved painting, where both are visible; the second that between two paintings of a photograph that
    stands still under new noise of 3 levels.

    Args:
        paint: The network.
        photographs: At least one, `(H, W, 3)` each.
        device: The network's.
    """
    generator = torch.Generator().manual_seed(0)
    errors: list[Tensor] = []
    flickers: list[Tensor] = []
    for photograph in photographs:
        content_image = to_image(photograph, device)
        painted = paint(content_image).clamp(0, 1)
        for _ in range(_MOTIONS):
            next_frame, grid = frame_after(content_image, generator)
            difference = paint(next_frame).clamp(0, 1) - moved(painted, grid)
            errors.append(mean_where_visible(difference.abs(), grid))
        noisy = (paint(_with_noise(content_image, generator)).clamp(0, 1) for _ in range(2))
        flickers.append((next(noisy) - next(noisy)).abs().mean())
    return {"warping_error": _levels(errors), "flicker": _levels(flickers)}


def _with_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(image.shape, generator=generator).to(image)
    return (image + noise * _NOISE_LEVELS / 255).clamp(0, 1)


def _levels(values: Sequence[Tensor]) -> float:
    return float(f"{255 * fmean(map(float, values)):.6g}")
