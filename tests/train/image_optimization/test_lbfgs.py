"""The optimisers on a small loss network."""

import math
import os
import signal
from typing import Any

import pytest
import torch
from torch import Tensor

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossWeights
from allaprima.train.image_optimization.lbfgs import minimize
from allaprima.train.image_optimization.settings import MinimizeSettings
from allaprima.train.objective.perceptual_loss import PerceptualLoss, style_targets

LAYERS = ("relu1_1", "relu2_1")
CONTENT = torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(1))


def make_loss(weights: dict[str, Tensor], scale: float = 1.0) -> PerceptualLoss:
    network = LossNetwork("vgg19", LAYERS, weights)
    style = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)).round()
    loss_weights = LossWeights(
        content={"relu2_1": scale}, style=dict.fromkeys(LAYERS, 20_000 * scale), tv=0.01 * scale
    )
    return PerceptualLoss(network, style_targets(network, style, LAYERS), loss_weights)


class Broken(PerceptualLoss):
    """An objective that is no longer a number from some evaluation on."""

    def __init__(self, loss: PerceptualLoss, good: int) -> None:
        targets = {layer: loss.target(layer) for layer in loss.weights.style}
        super().__init__(loss.loss_network, targets, loss.weights)
        self.calls, self.good = 0, good

    def terms(self, stylized_image: Tensor, content_targets: Any) -> dict[str, Tensor]:
        self.calls += 1
        factor = 1.0 if self.calls <= self.good else math.nan
        terms = super().terms(stylized_image, content_targets)
        return {name: factor * value for name, value in terms.items()}


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({}, 0.5),
        ({"line_search": "none"}, 0.6),
        ({"restart_every": 7}, 0.6),
        ({"optimizer": "adam"}, 0.7),
    ],
    ids=str,
)
def test_every_optimiser_lowers_the_objective(
    small_weights: dict[str, Tensor], settings: dict[str, Any], share: float
) -> None:
    loss = make_loss(small_weights)
    numbers = []
    descent = minimize(
        loss,
        CONTENT,
        CONTENT,
        MinimizeSettings(steps=40, **settings),
        watch=lambda number, terms, image: numbers.append(number),
    )
    totals = [terms["total"] for terms in descent.curve]
    assert numbers == list(range(1, 41))
    assert descent.curve[0]["content"] == 0
    assert totals[descent.best - 1] == min(totals) < share * totals[0]
    assert loss(descent.image, CONTENT)["total"].item() == pytest.approx(min(totals), rel=1e-5)
    assert descent.problem is None


def test_the_first_step_is_seen_but_small(small_weights: dict[str, Tensor]) -> None:
    pictures: list[Tensor] = []
    minimize(
        make_loss(small_weights),
        CONTENT,
        CONTENT,
        MinimizeSettings(steps=2),
        watch=lambda number, terms, image: pictures.append(image),
    )
    assert (pictures[1] - pictures[0]).abs().mean().item() == pytest.approx(0.01, rel=0.01)


def test_the_scale_of_the_weights_changes_nothing(small_weights: dict[str, Tensor]) -> None:
    images = [
        minimize(make_loss(small_weights, scale), CONTENT, CONTENT, MinimizeSettings(steps=15)).image
        for scale in (1.0, 2.0**-30)
    ]
    torch.testing.assert_close(images[0], images[1], rtol=1e-3, atol=1e-4)


def test_it_ends_where_nothing_can_be_gained(small_weights: dict[str, Tensor]) -> None:
    loss = make_loss(small_weights)
    targets = {layer: loss.target(layer) for layer in LAYERS}
    weights = LossWeights(content={"relu2_1": 1.0}, style=dict.fromkeys(LAYERS, 0.0), tv=0.0)
    content_only = PerceptualLoss(loss.loss_network, targets, weights)
    descent = minimize(content_only, CONTENT, CONTENT, MinimizeSettings(steps=100))
    assert len(descent.curve) < 5
    assert torch.equal(descent.image, CONTENT)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_not_finite_ends_it_and_keeps_the_best(small_weights: dict[str, Tensor], optimizer: Any) -> None:
    loss = make_loss(small_weights)
    settings = MinimizeSettings(steps=30, optimizer=optimizer)
    descent = minimize(Broken(loss, good=8), CONTENT, CONTENT, settings)
    assert descent.problem == "the objective is not finite at evaluation 9"
    assert 1 < descent.best <= 8
    kept = loss(descent.image, CONTENT)["total"].item()
    assert kept == pytest.approx(min(terms["total"] for terms in descent.curve[:8]), rel=1e-5)


def test_interrupt_keeps_the_best(small_weights: dict[str, Tensor]) -> None:
    def press_ctrl_c(number: int, terms: dict[str, float], image: Tensor) -> None:
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)

    loss = make_loss(small_weights)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    try:
        descent = minimize(loss, CONTENT, CONTENT, MinimizeSettings(steps=30), watch=press_ctrl_c)
    finally:
        signal.signal(signal.SIGINT, before)
    assert descent.is_interrupted
    assert len(descent.curve) == 5
    assert descent.image.isfinite().all()
