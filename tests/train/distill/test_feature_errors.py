"""The errors that a distillation brings down, in closed form."""

import pytest
import torch

from allaprima.train.distill.feature_errors import errors, feature_error, gram_error, style_error
from allaprima.train.objective.gram_matrix import gram_matrix


def test_errors_of_multiples() -> None:
    vgg19 = torch.rand(2, 4, 6, 5)
    for factor in (0.0, 1.0, 2.0):
        assert float(feature_error(factor * vgg19, vgg19)) == pytest.approx((factor - 1) ** 2)
        assert float(gram_error(gram_matrix(factor * vgg19), gram_matrix(vgg19))) == pytest.approx(
            (factor**2 - 1) ** 2, rel=1e-5
        )


def test_gram_errors_do_not_ask_where_a_feature_is() -> None:
    vgg19 = torch.rand(1, 4, 6, 5)
    assert float(gram_error(gram_matrix(vgg19.flip(-1)), gram_matrix(vgg19))) == pytest.approx(0, abs=1e-10)
    assert float(feature_error(vgg19.flip(-1), vgg19)) > 0.1


def test_style_errors_are_of_differences_alone() -> None:
    vgg19 = torch.rand(2, 3, 4, 4)
    shifted = torch.cat([vgg19, torch.ones(2, 1, 4, 4)], dim=1)  # a channel that is the same everywhere
    compact = torch.cat([vgg19, 3 * torch.ones(2, 1, 4, 4)], dim=1)
    one_place = torch.zeros(2, 4, 4, 4)
    one_place[:, 3] = 1
    assert float(style_error(gram_matrix(shifted), gram_matrix(shifted), 1)) == 0
    assert float(style_error(gram_matrix(3 * one_place), gram_matrix(one_place + 0), 1).nan_to_num(0)) == 0
    assert float(gram_error(gram_matrix(compact), gram_matrix(shifted))) > float(
        style_error(gram_matrix(compact), gram_matrix(shifted), 1)
    )


def test_errors_come_by_kind_and_layer() -> None:
    vgg19 = {"relu1_1": torch.ones(1, 2, 4, 4), "relu2_1": torch.ones(1, 3, 2, 2)}
    vgg19 = {layer: torch.stack([features[0], 2 * features[0]]) for layer, features in vgg19.items()}
    measured = errors({"relu1_1": vgg19["relu1_1"], "relu2_1": 0 * vgg19["relu2_1"]}, vgg19)
    assert {
        kind: {name: float(value) for name, value in layers.items()} for kind, layers in measured.items()
    } == {
        "feature": {"relu1_1": 0.0, "relu2_1": 1.0},
        "gram": {"relu1_1": 0.0, "relu2_1": 1.0},
        "style": {"relu1_1": 0.0, "relu2_1": 1.0},
    }
