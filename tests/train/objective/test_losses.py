import numpy as np
import pytest
import torch

from allaprima.train.objective.content_losses import feature_reconstruction_loss
from allaprima.train.objective.style_losses import style_reconstruction_loss
from allaprima.train.objective.total_variation import total_variation


def test_content_loss_is_the_mean_squared_difference() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    loss = feature_reconstruction_loss(torch.from_numpy(one), torch.from_numpy(other))
    assert loss.item() == pytest.approx(((one - other) ** 2).mean(), rel=1e-6)


def test_style_loss_is_the_mean_over_gram_entries_and_pictures() -> None:
    grams = torch.stack([torch.full((3, 3), 2.0), torch.full((3, 3), 4.0)])
    assert style_reconstruction_loss(grams, torch.ones(1, 3, 3)).item() == pytest.approx((1 + 9) / 2)


def test_total_variation_of_a_checkerboard() -> None:
    board = (torch.arange(8)[:, None] + torch.arange(6)) % 2
    assert total_variation(board.expand(2, 3, 8, 6).float()).item() == pytest.approx(2.0)


def test_total_variation_of_ramps() -> None:
    ramp = torch.arange(6.0).expand(1, 3, 4, 6) * 0.5
    assert total_variation(ramp).item() == pytest.approx(0.25)
    assert total_variation(torch.ones(1, 3, 4, 6)).item() == 0
