"""Loss weights that fit a style, found from photographs instead of tuned by hand."""

from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossWeights

from .perceptual_loss import LossFormula, style_targets
from .visible_style import position_weights, seen_of

STAGE_SHARES = {1: 0.3, 2: 0.5, 3: 1.2, 4: 4.0, 5: 0.5}
"""What the style layers of each stage of the loss network count together, content being 1.

In the same units the most used published objective (`lengstrom`) has 0.01, 0.3, 0.2, 8 to 23, 0.003 on five
paintings: people know a painter by the patterns of 20 to 100 pixels that relu4_1 sees. Equal shares spend
the effort on colour and grain, which are learned first anyway.
"""

TV_SHARE = 0.05


@torch.no_grad()
def calibrate(
    loss_network: LossNetwork,
    style_image: Tensor,
    batches: Iterable[Tensor],
    *,
    content_layers: Iterable[str],
    style_layers: Iterable[str],
    strength: float,
    tv_weight: float | None = None,
    formula: LossFormula | None = None,
    scales: int = 1,
) -> LossWeights:
    """Return weights under which every layer's loss lies between 0 and about 1.

    The two ends of the scale are the photograph and the style image: a content loss of 1
    says that a picture is as unlike the photograph as the style image itself is, a style
    loss of 1 that it is as far from the style as an untouched photograph.

    Args:
        loss_network: The frozen network.
        style_image: The style picture, as for `style_targets`.
        batches: Some batches of photographs, `(B, 3, H, W)`, RGB in [0, 1].
        content_layers: Names of the content layers.
        style_layers: Names of the style layers.
        strength: Style against content; 1 is the default balance.
        tv_weight: Absolute weight of the total variation, instead of the calibrated one.
        formula: How style and total variation are computed; means over everything by default.
        scales: Sizes of the style picture whose mean is the target, as for `style_targets`.
    """
    content_layers, style_layers = tuple(content_layers), tuple(style_layers)
    formula = formula or LossFormula()
    targets = style_targets(loss_network, style_image, style_layers, formula.style, scales=scales)
    image, seen = seen_of(style_image)
    painting = {
        layer: moments(x, position_weights(seen, x))
        for layer, x in loss_network(image, content_layers).items()
    }
    content = dict.fromkeys(content_layers, 0.0)
    style = dict.fromkeys(style_layers, 0.0)
    variation, count = 0.0, 0
    for photographs in batches:
        pixels = photographs.shape[-2] * photographs.shape[-1]
        features = loss_network(photographs, {*content_layers, *style_layers})
        for layer in content_layers:
            content[layer] += float(unpaired_distance(moments(features[layer]), painting[layer]))
        for layer in style_layers:
            style[layer] += float(formula.style.distance(features[layer], targets[layer], pixels))
        variation += float(formula.variation(formula.white * photographs))
        count += 1
    return LossWeights(
        content={layer: _inverse(len(content) * value / count) for layer, value in content.items()},
        style={
            layer: strength * share * _inverse(style[layer] / count)
            for layer, share in style_shares(style_layers).items()
        },
        tv=TV_SHARE * _inverse(variation / count) if tv_weight is None else tv_weight,
    )


def style_shares(layers: Iterable[str]) -> dict[str, float]:
    """Return what each style layer counts: its stage's share, divided among the stage's layers given.

    The shares of stages without a layer are added to the others, in proportion.
    """
    stages = {layer: int(layer[4]) for layer in layers}
    scale = sum(STAGE_SHARES.values()) / sum(STAGE_SHARES[stage] for stage in set(stages.values()))
    members = Counter(stages.values())
    return {layer: scale * STAGE_SHARES[stage] / members[stage] for layer, stage in stages.items()}


def _inverse(loss: float) -> float:
    """Return 1 / loss; 0 where there is nothing to bring down, as between a picture and itself."""
    return 1 / loss if loss > 0 else 0.0


def moments(features: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and mean square over pictures and positions, `(C,)` twice.

    Args:
        features: Feature maps, `(B, C, H, W)`.
        weights: What each position counts, `(B, 1, H, W)`, 1 in the mean; all the same by default.
    """
    features = features.float()
    counted = features if weights is None else features * weights
    return counted.mean(dim=(0, 2, 3)), (counted * features).mean(dim=(0, 2, 3))


def unpaired_distance(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
    """Return the expected squared difference of features at unrelated positions, from moments.

    E (x - y)^2 = E x^2 - 2 E x E y + E y^2 for independent x and y, averaged over channels.
    """
    return (one[1] - 2 * one[0] * other[0] + other[1]).mean()
