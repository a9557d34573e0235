"""The objective a style is trained against: content, style and total variation in one module."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from allaprima.models.loss.loss_network import LossNetwork

from .gram import gram_matrix
from .losses import feature_reconstruction_loss, mean_gram_loss, total_variation

TERMS = ("content", "style", "tv", "total")


@dataclass(frozen=True)
class LossWeights:
    """The absolute weight of every part of the objective."""

    content: Mapping[str, float]
    """Weight by content layer."""
    style: Mapping[str, float]
    """Weight by style layer."""
    tv: float
    """Weight of the total variation."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, for headers and checkpoints."""
        return asdict(self)


@dataclass(frozen=True)
class LossFormula:
    """How the differences at one layer, and between neighbouring pixels, become numbers."""

    content: Callable[[Tensor, Tensor], Tensor] = feature_reconstruction_loss
    """Feature maps of the stylised pictures and of the photographs, to a scalar."""
    style: Callable[[Tensor, Tensor, int], Tensor] = mean_gram_loss
    """Feature maps, the style image's Gram matrix and the pixels of a picture, to a scalar."""
    variation: Callable[[Tensor], Tensor] = total_variation
    """Pictures to a scalar."""
    white: float = 1.0
    """Value of white in the pictures whose variation is taken."""


class PerceptualLoss(nn.Module):
    """Weighted content, style and total-variation losses of stylised pictures.

    Args:
        loss_network: The frozen network.
        style_targets: Gram matrix of the style image by layer, `(1, C, C)`, from `style_targets`.
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
        terms = {
            "content": torch.stack(
                [
                    weight * self.formula.content(features[layer], content_targets[layer])
                    for layer, weight in self.weights.content.items()
                ]
            ).sum(),
            "style": torch.stack(
                [
                    weight * self.formula.style(features[layer], self.target(layer), pixels)
                    for layer, weight in self.weights.style.items()
                ]
            ).sum(),
            "tv": self.weights.tv * self.formula.variation(self.formula.white * stylized_image.float()),
        }
        return {**terms, "total": terms["content"] + terms["style"] + terms["tv"]}

    def target(self, layer: str) -> Tensor:
        """Return the style image's Gram matrix at a layer, `(1, C, C)`."""
        return self.get_buffer(f"target_{layer}")


@torch.no_grad()
def style_targets(loss_network: LossNetwork, style_image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """Return the Gram matrices of the style image, `(1, C, C)` by layer.

    Args:
        loss_network: The frozen network.
        style_image: The style picture, `(1, 3, H, W)`, RGB in [0, 1].
        layers: Names of the style layers.
    """
    layers = tuple(layers)
    features = loss_network(style_image, layers)
    return {layer: gram_matrix(features[layer]) for layer in layers}
