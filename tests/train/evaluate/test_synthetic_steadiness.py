"""Figures of steadiness without a film: closed forms, and that they are the same every time."""

import numpy as np
import pytest
import torch
from torch import Tensor

from allaprima.images.pixels import Pixels
from allaprima.train.evaluate.synthetic_steadiness import steadiness_figures
from allaprima.train.objective import temporal_consistency
from tests.conftest import paint

CPU = torch.device("cpu")


@pytest.fixture
def photographs() -> list[Pixels]:
    return [np.asarray(paint(72, 96, seed)) // 2 + np.uint8(60) for seed in range(2)]


def negative(images: Tensor) -> Tensor:
    return 1 - images


def with_stripes(images: Tensor) -> Tensor:
    """Add, and take away, 10 levels in columns that stay where they are when the picture moves."""
    return images + 10 / 255 * (torch.arange(images.shape[-1]) // 8 % 2 * 2 - 1)


def test_noise_and_light_alone_are_left_of_what_paints_every_point_alone(
    photographs: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two normal values of deviation 3 differ by 3 * 2 / sqrt(pi) on average."""
    monkeypatch.setattr(temporal_consistency, "LIGHT", 0.0)
    monkeypatch.setattr(temporal_consistency, "NOISE", 0.0)
    found = steadiness_figures(negative, photographs, CPU)
    assert found["warping_error"] < 1e-3
    assert found["flicker"] == pytest.approx(6 / np.sqrt(np.pi), abs=0.05)


def test_what_is_fixed_to_the_frame_is_unsteady(photographs: list[Pixels]) -> None:
    steady, striped = (steadiness_figures(form, photographs, CPU) for form in (negative, with_stripes))
    assert striped["warping_error"] > steady["warping_error"] + 3
    assert striped["flicker"] == pytest.approx(steady["flicker"], abs=0.05)


def test_what_is_clamped_does_not_flicker(photographs: list[Pixels]) -> None:
    found = steadiness_figures(lambda images: 9 + images, photographs, CPU)
    assert found == {"warping_error": pytest.approx(0, abs=1e-4), "flicker": 0}


def test_the_figures_are_the_same_every_time(photographs: list[Pixels]) -> None:
    assert steadiness_figures(with_stripes, photographs, CPU) == steadiness_figures(
        with_stripes, photographs, CPU
    )
