"""Steadiness from frame to frame, learned from still pictures that are made to move."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from allaprima.train.settings.config import RunConfig

from .perceptual_loss import PerceptualLoss
from .recalled_features import ContentFeatures

UNSTEADY = 0.1
"""Root mean square of the differences, in a picture of [0, 1], at which the term is its weight."""

FLOW = 6.0
"""Standard deviation of the smooth flow, in pixels."""

SHIFT = 6.0
"""Standard deviation of the shift of the whole picture, in pixels."""

ZOOM = 0.03
"""Standard deviation of the zoom, as a share of the picture's size."""

LIGHT = 0.03
"""Standard deviation of the factor that all values are multiplied by."""

NOISE = 0.02
"""Largest standard deviation of the noise of a sensor."""

KNOTS = 4
"""Points along each side between which the flow is smooth."""


class TemporalConsistency:
    """The difference between painting a picture that has moved and moving its painting.

    The next frame of a film is the picture after a smooth random flow, a shift, a zoom, a change of light and
    noise, all at once, as in compound regularisation (Wang et al. 2020) and ReReVST (Wang et al. 2020, TIP);
    no film is needed. Only what is visible in both counts.

    Args:
        weight: What the term counts; calibrated objectives have terms of about 1.
        seed: Of the motions, which follow from it, the step and the kind of device alone.
    """

    def __init__(self, weight: float, seed: int) -> None:
        self.weight = weight
        self._seed = seed

    def __call__(
        self, paint: Callable[[Tensor], Tensor], content_image: Tensor, painted: Tensor, step: int
    ) -> Tensor:
        """Return the weighted term, a scalar.

        Args:
            paint: The network.
            content_image: Photographs, `(B, 3, H, W)`, RGB in [0, 1].
            painted: What it has made of them, same shape.
            step: Number of the step, which decides the motion.
        """
        generator = torch.Generator(content_image.device).manual_seed(self._seed * 1_000_003 + step)
        next_frame, grid = frame_after(content_image, generator)
        difference = paint(next_frame).float() - moved(painted.float(), grid)
        return self.weight * mean_where_visible(difference.square(), grid) / UNSTEADY**2


def temporal_consistency(settings: RunConfig) -> TemporalConsistency | None:
    """Return the term that some settings ask for, or None where it does not count."""
    return TemporalConsistency(settings.temporal, settings.seed) if settings.temporal else None


def objective_terms(
    loss: PerceptualLoss,
    temporal: TemporalConsistency | None,
    paint: Callable[[Tensor], Tensor],
    content_image: Tensor,
    step: int,
    content_features: ContentFeatures | None = None,
) -> dict[str, Tensor]:
    """Return the terms of a perceptual loss and, where it counts, `temporal`; `total` is the sum of all.

    Args:
        loss: A `PerceptualLoss`: content, style and total variation.
        temporal: Steadiness, if it counts.
        paint: The network.
        content_image: Photographs, `(B, 3, H, W)`, RGB in [0, 1].
        step: Number of the step.
        content_features: Where those of photographs that come again are kept.
    """
    stylized_image = paint(content_image)
    terms: dict[str, Tensor]
    if content_features is None:
        terms = loss(stylized_image, content_image)
    else:
        terms = loss.terms(stylized_image, content_features(loss, content_image))
    if temporal is None:
        return terms
    unsteady = temporal(paint, content_image, stylized_image, step)
    return {**terms, "temporal": unsteady, "total": terms["total"] + unsteady}


def frame_after(content_image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the next frame of photographs that move, `(B, 3, H, W)`, and the grid along which they did.

    Args:
        content_image: Photographs, `(B, 3, H, W)`, RGB in [0, 1].
        generator: What motion, light and noise are drawn from, on its device.
    """
    count, _, height, width = content_image.shape
    drawn: dict[str, Any] = {"generator": generator, "device": generator.device}
    with torch.autocast(generator.device.type, enabled=False):  # bfloat16 has no fractions of a pixel
        grid = random_grid(count, height, width, generator).to(content_image)
    light = 1 + LIGHT * torch.randn(count, 1, 1, 1, **drawn)
    noise = NOISE * torch.rand(count, 1, 1, 1, **drawn) * torch.randn(content_image.shape, **drawn)
    after = moved(content_image, grid) * light.to(content_image) + noise.to(content_image)
    return after.clamp(0, 1), grid


def mean_where_visible(values: Tensor, grid: Tensor) -> Tensor:
    """Return the mean of `(B, 3, H, W)` over what a grid takes from inside the picture."""
    visible = ((grid.abs() <= 1).all(-1))[:, None]  # (B, 1, H, W)
    return (values * visible).sum() / (3 * visible.sum()).clamp(min=1)


def random_grid(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Return where each pixel of the next frame comes from, `(B, H, W, 2)`, x and y in [-1, 1].

    Beyond that it comes from outside the picture.
    """

    device = generator.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    pixel = torch.tensor([2 / width, 2 / height], device=device)[:, None, None]
    knots = FLOW * normal(count, 2, KNOTS, KNOTS)
    flow = F.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
    motion = pixel * (flow + SHIFT * normal(count, 2, 1, 1))  # (B, 2, H, W)
    zoom = 1 + ZOOM * normal(count, 1, 1, 1)
    identity = torch.eye(2, 3, device=device).expand(count, 2, 3)
    grid = F.affine_grid(identity, [count, 3, height, width], align_corners=False)
    return grid * zoom + motion.permute(0, 2, 3, 1)


def moved(images: Tensor, grid: Tensor) -> Tensor:
    """Return pictures, `(B, 3, H, W)`, with every pixel from where the grid says, their borders repeated."""
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
