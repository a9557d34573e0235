"""Steadiness: zero for what paints every point alone, large for what is fixed to the frame."""

import pytest
import torch
from torch import Tensor

from allaprima.train.objective import temporal_consistency
from allaprima.train.objective.temporal_consistency import (
    UNSTEADY,
    TemporalConsistency,
    moved,
    random_grid,
)


@pytest.fixture
def photographs() -> Tensor:
    torch.manual_seed(0)
    coarse = torch.rand(2, 3, 6, 8)
    return torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")


@pytest.fixture
def still_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal_consistency, "LIGHT", 0.0)
    monkeypatch.setattr(temporal_consistency, "NOISE", 0.0)


def negative(images: Tensor) -> Tensor:
    return 1 - images


def with_screen(images: Tensor) -> Tensor:
    """Add a grain that stays where it is when the picture moves."""
    generator = torch.Generator().manual_seed(5)
    return images + 0.1 * torch.randn(images.shape[-2:], generator=generator)


def still_grid(count: int) -> Tensor:
    return torch.nn.functional.affine_grid(
        torch.eye(2, 3).expand(count, 2, 3), [count, 3, 48, 64], align_corners=False
    )


def term(paint, photographs: Tensor, step: int = 0, weight: float = 1.0) -> float:  # type: ignore[no-untyped-def]
    return float(TemporalConsistency(weight, seed=1)(paint, photographs, paint(photographs), step))


@pytest.mark.usefixtures("still_light")
def test_what_paints_every_point_alone_is_steady(photographs: Tensor) -> None:
    assert term(negative, photographs) < 1e-9


@pytest.mark.usefixtures("still_light")
def test_grain_that_is_fixed_to_the_frame_is_unsteady(photographs: Tensor) -> None:
    # A grain of deviation 0.1 that differs from itself moved: between 1 and 2 times its square.
    assert 0.9 < term(with_screen, photographs) * UNSTEADY**2 / 0.1**2 < 2.1
    assert term(with_screen, photographs, weight=3) == pytest.approx(3 * term(with_screen, photographs))


def test_noise_and_light_count(photographs: Tensor) -> None:
    assert (
        term(lambda images: 4 * images, photographs) > 16 * 0.5 * term(lambda images: images, photographs) > 0
    )


def test_a_motion_follows_from_seed_and_step(photographs: Tensor) -> None:
    assert term(with_screen, photographs, 3) == term(with_screen, photographs, 3)
    assert term(with_screen, photographs, 3) != term(with_screen, photographs, 4)


def test_what_comes_from_outside_does_not_count(photographs: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal_consistency, "random_grid", lambda *_: torch.full((2, 48, 64, 2), 1.5))
    assert term(with_screen, photographs) == 0


def test_a_motion_is_some_pixels_and_smooth() -> None:
    grid = random_grid(20, 48, 64, torch.Generator().manual_seed(0))
    still = torch.nn.functional.affine_grid(
        torch.eye(2, 3).expand(20, 2, 3), [20, 3, 48, 64], align_corners=False
    )
    motion = (grid - still) * torch.tensor([32.0, 24.0])  # pixels
    assert 4 < motion.std() < 16
    assert (motion[:, 1:] - motion[:, :-1]).abs().max() < 3


def test_a_grid_that_says_where_things_are_moves_nothing(photographs: Tensor) -> None:
    still = torch.nn.functional.affine_grid(
        torch.eye(2, 3).expand(2, 2, 3), [2, 3, 48, 64], align_corners=False
    )
    torch.testing.assert_close(moved(photographs, still), photographs, atol=1e-5, rtol=0)


def test_gradient_reaches_both_paintings(photographs: Tensor) -> None:
    weight = torch.ones((), requires_grad=True)
    consistency = TemporalConsistency(1.0, seed=1)

    def paint(images: Tensor) -> Tensor:
        return weight * with_screen(images)

    (both,) = torch.autograd.grad(consistency(paint, photographs, paint(photographs), 0), weight)
    (second,) = torch.autograd.grad(consistency(paint, photographs, paint(photographs).detach(), 0), weight)
    assert both > 0
    assert both != second
