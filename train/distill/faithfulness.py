"""Whether the compact network judges pictures as VGG-19 does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.train.objective.perceptual_loss import PerceptualLoss

from .feature_errors import errors
from .pictures import Painter, calibrated_loss
from .student import LAYERS

TERMS = ("content", "style", "total")
STAGES = (0.0, 0.1, 0.4, 1.0)
"""Parts of a training after which its pictures are judged."""


class Judgement(NamedTuple):
    """What both networks say of one stylised picture."""

    style: str
    stage: float
    """Part of the training, 0 to 1."""
    trained_with: str
    compact: dict[str, float]
    """Terms of the compact network's objective."""
    vgg19: dict[str, float]
    """Terms of VGG-19's."""
    gram_error: dict[str, float]
    """By layer."""


def judge(
    compact: LossNetwork,
    vgg19: LossNetwork,
    styles: Mapping[str, Tensor],
    batches: Sequence[Tensor],
    steps: int,
) -> Iterator[Judgement]:
    """Yield judgements of pictures from several stages of two trainings a style, one with each network.

    Args:
        compact: The compact network.
        vgg19: VGG-19.
        styles: Style pictures by name, `(1, 3, H, W)`, RGB in [0, 1].
        batches: Photographs, `(B, 3, H, W)`; the first batch is judged on and the others are trained on.
        steps: Steps of each training.
    """
    held_out, *rest = batches
    for seed, (name, style) in enumerate(styles.items()):
        losses = [calibrated_loss(network, style, held_out) for network in (compact, vgg19)]
        for trainer, stages in zip(losses, (STAGES, STAGES[1:]), strict=True):  # both begin alike
            painter = Painter(trainer, seed)
            done = 0
            for stage in stages:
                while done < round(stage * steps):
                    painter.paint(rest[done % len(rest)])
                    done += 1
                yield from _judged(painter, losses, held_out, name, stage, trainer.loss_network.architecture)


def rank_correlation(one: Iterable[float], other: Iterable[float]) -> float:
    """Return Spearman's rank correlation of two equally long series without ties."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def summary(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Return the rank correlation of each term, over all pictures and within a style, and the errors."""
    styles = dict.fromkeys(judgement.style for judgement in judgements)

    def correlation(term: str, of: Iterable[Judgement]) -> float:
        pairs = [(judgement.compact[term], judgement.vgg19[term]) for judgement in of]
        return rank_correlation(*zip(*pairs, strict=True))

    within = {
        term: {name: correlation(term, (j for j in judgements if j.style == name)) for name in styles}
        for term in TERMS
    }
    return {
        "pictures": len(judgements),
        "rank_correlation": {term: correlation(term, judgements) for term in TERMS},
        "rank_correlation_by_style": within,
        "gram_error": {
            layer: float(np.mean([judgement.gram_error[layer] for judgement in judgements]))
            for layer in LAYERS
        },
    }


@torch.no_grad()
def _judged(
    painter: Painter,
    losses: Sequence[PerceptualLoss],
    photographs: Tensor,
    name: str,
    stage: float,
    trained_with: str,
) -> Iterator[Judgement]:
    for photograph in torch.split(photographs, 1):
        picture = painter.network(photograph).clamp(0, 1)
        compact, vgg19 = ({n: float(v) for n, v in loss(picture, photograph).items()} for loss in losses)
        features = [loss.loss_network(picture, LAYERS) for loss in losses]
        gram_errors = {layer: float(error) for layer, error in errors(*features)["gram"].items()}
        yield Judgement(name, stage, trained_with, compact, vgg19, gram_errors)


def _ranks(values: Iterable[float]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(list(values))).astype(float)
