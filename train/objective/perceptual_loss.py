"""The objective a style is trained against: content, style and total variation in one module."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossWeights

from .content_losses import feature_reconstruction_loss
from .style_losses import MEAN_GRAM, StyleLoss
from .total_variation import total_variation
from .visible_style import position_weights, seen_of

TERMS = ("content", "style", "tv", "total")


@dataclass(frozen=True)
class LossFormula:
    """How the differences at one layer, and between neighbouring pixels, become numbers."""

    content: Callable[[Tensor, Tensor], Tensor] = feature_reconstruction_loss
    """Feature maps of the stylised pictures and of the photographs, to a scalar."""
    style: StyleLoss = MEAN_GRAM
    variation: Callable[[Tensor], Tensor] = total_variation
    """Pictures to a scalar."""
    white: float = 1.0
    """Value of white in the pictures whose variation is taken."""


class PerceptualLoss(nn.Module):
    """Weighted content, style and total-variation losses of stylised pictures.

    Args:
        loss_network: The frozen network.
        style_targets: What is kept of the style image by layer, from `style_targets` with this formula.
        weights: What each layer and the total variation count.
        formula: How the terms are computed; means over everything by default.
    """

    def __init__(
        self,
        loss_network: LossNetwork,
        style_targets: Mapping[str, Tensor],
        weights: LossWeights,
        formula: LossFormula | None = None,
    ) -> None:
        super().__init__()
        self.loss_network = loss_network
        self.weights = weights
        self.formula = formula or LossFormula()
        for layer in weights.style:
            self.register_buffer(f"target_{layer}", style_targets[layer], persistent=False)
        # In tensors, so that what was compiled for one style serves all.
        counts = {
            "content_weights": [*weights.content.values()],
            "style_weights": [*weights.style.values()],
            "tv_weight": weights.tv,
        }
        for name, count in counts.items():
            tensor = torch.tensor(count, dtype=torch.float32, device=loss_network.device)
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, stylized_image: Tensor, content_image: Tensor) -> dict[str, Tensor]:
        """Return the weighted terms and their sum.

        Args:
            stylized_image: Pictures, `(B, 3, H, W)`, RGB around [0, 1].
            content_image: The photographs they were made from, same shape.

        Returns:
            `content`, `style`, `tv` and `total`, scalars, float32.
        """
        return self.terms(stylized_image, self.content_targets(content_image))

    @torch.no_grad()
    def content_targets(self, content_image: Tensor) -> dict[str, Tensor]:
        """Return what the content term compares with, by layer, for photographs `(B, 3, H, W)`."""
        targets: dict[str, Tensor] = self.loss_network(content_image, self.weights.content)
        return targets

    def terms(self, stylized_image: Tensor, content_targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what `forward` does, for content features that are known already."""
        pixels = stylized_image.shape[-2] * stylized_image.shape[-1]
        features = self.loss_network(stylized_image, {*self.weights.content, *self.weights.style})
        content = [
            self.formula.content(features[layer], content_targets[layer]) for layer in self.weights.content
        ]
        style = [
            self.formula.style.distance(features[layer], self.target(layer), pixels)
            for layer in self.weights.style
        ]
        terms = {
            "content": (self.get_buffer("content_weights") * torch.stack(content)).sum(),
            "style": (self.get_buffer("style_weights") * torch.stack(style)).sum(),
            "tv": self.get_buffer("tv_weight")
            * self.formula.variation(self.formula.white * stylized_image.float()),
        }
        return {**terms, "total": terms["content"] + terms["style"] + terms["tv"]}

    def target(self, layer: str) -> Tensor:
        """Return what is kept of the style image at a layer."""
        return self.get_buffer(f"target_{layer}")


@torch.no_grad()
def style_targets(
    loss_network: LossNetwork,
    style_image: Tensor,
    layers: Iterable[str],
    style_loss: StyleLoss | None = None,
    *,
    scales: int = 1,
) -> dict[str, Tensor]:
    """Return what a style loss keeps of the style image by layer: Gram matrices, `(1, C, C)`, by default.

    Args:
        loss_network: The frozen network.
        style_image: The style picture, `(1, 3, H, W)`, RGB in [0, 1], or `(1, 4, H, W)` with opacity: what is
            transparent takes no part.
        layers: Names of the style layers.
        style_loss: The style loss.
        scales: Sizes of the style picture, each half of the one before, of which the mean is kept.
    """
    layers, style_loss = tuple(layers), style_loss or MEAN_GRAM
    kept: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    image, seen = seen_of(style_image)
    seen_at_scales = repeat(None) if seen is None else _halved(seen, scales)
    for image_at_scale, seen_at_scale in zip(_halved(image, scales), seen_at_scales, strict=False):
        for layer, features in loss_network(image_at_scale, layers).items():
            kept[layer].append(style_loss.target(features, position_weights(seen_at_scale, features)))
    return {layer: torch.stack(targets).mean(0) for layer, targets in kept.items()}


def _halved(image: Tensor, scales: int) -> Iterator[Tensor]:
    """Yield an image, half of it, a quarter, and so on, as long as a side has 32 pixels."""
    yield image
    for _ in range(min(scales, scales_in(*image.shape[-2:])) - 1):
        image = F.interpolate(image, scale_factor=0.5, mode="bilinear", antialias=True).clamp(0, 1)
        yield image


def scales_in(height: int, width: int) -> int:
    """Return how many sizes of a picture, each half of the last, have sides of 32 pixels; 1 at least."""
    return max(1, (min(height, width) // 32).bit_length())
