"""The errors that a distillation brings down, in closed form."""

import pytest
import torch

from allaprima.train.distill.errors import errors, feature_error, gram_error


def test_errors_of_multiples() -> None:
    theirs = torch.rand(2, 4, 6, 5)
    for factor in (0.0, 1.0, 2.0):
        assert float(feature_error(factor * theirs, theirs)) == pytest.approx((factor - 1) ** 2)
        assert float(gram_error(factor * theirs, theirs)) == pytest.approx((factor**2 - 1) ** 2, rel=1e-5)


def test_gram_errors_do_not_ask_where_a_feature_is() -> None:
    theirs = torch.rand(1, 4, 6, 5)
    assert float(gram_error(theirs.flip(-1), theirs)) == pytest.approx(0, abs=1e-10)
    assert float(feature_error(theirs.flip(-1), theirs)) > 0.1


def test_errors_come_by_kind_and_layer() -> None:
    theirs = {"relu1_1": torch.ones(1, 2, 4, 4), "relu2_1": torch.ones(1, 3, 2, 2)}
    found = errors({"relu1_1": torch.ones(1, 2, 4, 4), "relu2_1": torch.zeros(1, 3, 2, 2)}, theirs)
    assert {
        kind: {name: float(value) for name, value in layers.items()} for kind, layers in found.items()
    } == {
        "feature": {"relu1_1": 0.0, "relu2_1": 1.0},
        "gram": {"relu1_1": 0.0, "relu2_1": 1.0},
    }
