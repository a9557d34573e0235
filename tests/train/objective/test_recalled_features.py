"""Recalled features are those that would be computed, whatever comes, and none is computed twice."""

from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossWeights
from allaprima.train.objective.perceptual_loss import PerceptualLoss, style_targets
from allaprima.train.objective.recalled_features import ContentFeatures
from allaprima.train.objective.temporal_consistency import objective_terms

WEIGHTS = LossWeights(content={"relu1_1": 1.0, "relu2_1": 2.0}, style={"relu2_1": 5.0}, tv=7.0)


@pytest.fixture
def loss(small_weights: dict[str, Tensor]) -> PerceptualLoss:
    loss_network = LossNetwork("vgg19", ("relu1_1", "relu2_1"), small_weights)
    return PerceptualLoss(
        loss_network, style_targets(loss_network, torch.rand(1, 3, 40, 32), ("relu2_1",)), WEIGHTS
    )


@pytest.mark.parametrize("kept", [0, 3, 100])
def test_they_are_those_of_the_photographs(loss: PerceptualLoss, kept: int) -> None:
    photographs = torch.rand(6, 3, 20, 24)
    recalled = ContentFeatures(kept)
    for batch in ([0, 1, 2], [2, 1, 0], [3, 3, 1], [4, 5, 0]):
        expected = loss.content_targets(photographs[batch])
        for layer, maps in recalled(loss, photographs[batch]).items():
            torch.testing.assert_close(maps, expected[layer])


def test_none_is_computed_twice_while_it_is_kept(loss: PerceptualLoss) -> None:
    photographs, recalled = torch.rand(4, 3, 20, 24), ContentFeatures(3)
    with patch.object(loss, "content_targets", wraps=loss.content_targets) as computed:
        for batch in ([0, 1], [1, 0], [2, 1], [3, 2], [0, 3]):  # when 3 comes, 0 was needed longest ago
            recalled(loss, photographs[batch])
    assert computed.call_count == 5


def test_pixels_that_differ_are_told_apart(loss: PerceptualLoss) -> None:
    recalled, photograph = ContentFeatures(10), torch.rand(1, 3, 20, 24)
    before = recalled(loss, photograph)["relu1_1"]
    photograph[0, 0, 3, 3] += 1 / 255  # in place, as a loader may reuse its memory
    assert not torch.equal(recalled(loss, photograph)["relu1_1"], before)


def test_they_do_not_depend_on_the_batch(loss: PerceptualLoss) -> None:
    photographs = torch.rand(4, 3, 20, 24)
    together, alone = ContentFeatures(10), ContentFeatures(10)
    for layer, maps in together(loss, photographs).items():
        each = [alone(loss, photographs[number : number + 1])[layer] for number in range(4)]
        assert torch.equal(maps, torch.cat(each))


def test_a_step_has_the_same_terms_and_gradient(loss: PerceptualLoss) -> None:
    photographs, recalled = torch.rand(2, 3, 20, 24), ContentFeatures(10)
    gradients: list[Tensor] = []
    for features in (None, recalled, recalled):
        gain = torch.tensor(0.9, requires_grad=True)
        terms = objective_terms(loss, None, gain.mul, photographs, 0, features)
        gradients += torch.autograd.grad(terms["total"], gain)
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])
