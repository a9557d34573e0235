"""Every figure on pictures that have the fault, and on pictures that have not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from allaprima.models.transformer import TransformerNetwork
from allaprima.train.evaluate.visual_artefacts import (
    border_difference,
    checkerboard_energy,
    clipped_share,
    count_blobs,
    flat_figures,
)


def texture(height: int = 96, width: int = 120, seed: int = 0) -> Tensor:
    """Return smooth waves with noise, `(1, 3, H, W)`, away from 0 and 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 17
    waves = np.stack([np.sin(rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + k) for k in range(3)])
    return torch.from_numpy(0.5 + 0.2 * waves + rng.normal(0, 0.05, waves.shape))[None].float()


def with_disc(image: Tensor, row: int, column: int, radius: int = 6, value: float = 1.0) -> Tensor:
    y, x = torch.meshgrid(*(torch.arange(side) for side in image.shape[-2:]), indexing="ij")
    is_inside = (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return torch.where(is_inside, torch.tensor([value, 0.0, 0.0]).view(1, 3, 1, 1), image)


def board(period: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    return ((y // (period // 2) + x // (period // 2)) % 2).float().expand(1, 3, 64, 64)


def test_checkerboards_have_energy() -> None:
    assert checkerboard_energy(board(2)) == pytest.approx(127.5)
    assert checkerboard_energy(board(4)) == pytest.approx(127.5)
    assert checkerboard_energy(0.5 + 0.02 * (board(4) - 0.5)) == pytest.approx(0.02 * 127.5, rel=1e-3)


def test_other_patterns_have_little() -> None:
    assert checkerboard_energy(torch.full((1, 3, 64, 64), 0.3)) == pytest.approx(0, abs=1e-4)
    assert checkerboard_energy(board(8)[..., :64, :64]) == pytest.approx(0, abs=1e-4)
    assert checkerboard_energy(texture(96, 96)) < 0.5
    assert checkerboard_energy(torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))) < 1.5


class Transposed(nn.Module):
    """A network that upsamples by transposed convolution with uneven overlap."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = (0.5 + self.up(self.down(image).relu())).clamp(0, 1)
        return result


def test_transposed_convolution_shows_more_than_resize_convolution() -> None:
    torch.manual_seed(0)
    resized = flat_figures(TransformerNetwork(width=8, residual_blocks=1).eval())["checkerboard"]
    assert flat_figures(Transposed())["checkerboard"] > 3 * resized
    assert flat_figures(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1)))["checkerboard"] < 0.1


class ZeroPadded(nn.Module):
    """A network whose border darkens, as with zero padding."""

    def __init__(self) -> None:
        super().__init__()
        self.blur = nn.Conv2d(3, 3, 9, padding=4, groups=3, bias=False)
        nn.init.constant_(self.blur.weight, 1 / 81)

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.blur(image)
        return result


def test_zero_padding_shows_at_the_border() -> None:
    assert flat_figures(ZeroPadded())["flat_border"] > 5
    assert flat_figures(nn.Sequential(nn.Conv2d(3, 3, 1)))["flat_border"] < 1


def test_a_frame_is_a_border_difference_and_the_photographs_own_is_not() -> None:
    content = texture()
    framed = content.clone()
    framed[..., :6, :] = framed[..., -6:, :] = framed[..., :6] = framed[..., -6:] = 0.1
    assert border_difference(framed, content) > 20
    assert border_difference(content, content) == 0
    assert border_difference(framed, framed) == 0
    assert border_difference(content.flip(-1), content) < 5


def test_clipped_values_are_counted() -> None:
    image = texture()
    assert clipped_share(image) == 0
    image[..., :24, :] = 1.0
    image[:, 0, 24:48] = 0.001
    assert clipped_share(image) == pytest.approx(24 / 96 + 24 / 96 / 3)


def test_lone_spots_are_counted() -> None:
    content = texture()
    spots = with_disc(with_disc(content, 30, 30), 60, 90, value=0.9)
    assert count_blobs(spots, content) == 2
    assert count_blobs(content, content) == 0
    assert count_blobs(spots, spots) == 0  # the photograph's own, like the sun
    assert count_blobs(content.flip(-2), content) == 0


def drawn(inside: Callable[[Tensor, Tensor], Tensor], noise: float) -> tuple[Tensor, Tensor]:
    """Return a grey picture with a red shape on it, and without."""
    grain = noise * torch.randn(1, 3, 120, 120, generator=torch.Generator().manual_seed(0))
    y, x = torch.meshgrid(torch.arange(120.0), torch.arange(120.0), indexing="ij")
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    content = torch.full((1, 3, 120, 120), 0.5)
    painted = torch.where(inside(y - 60, x - 60), red, content)
    return (painted + grain).clamp(0, 1), (content + grain).clamp(0, 1)


SHAPES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {
    "disc": (lambda y, x: y**2 + x**2 <= 36, 1),
    "disc between pixels": (lambda y, x: (y - 0.5) ** 2 + (x - 0.5) ** 2 <= 36, 1),
    "large disc": (lambda y, x: y**2 + x**2 <= 100, 1),
    "small square": (lambda y, x: (y.abs() < 6) & (x.abs() < 6), 1),
    "line": (lambda y, x: (x.abs() < 3) & (y == y), 0),
    "slanted line": (lambda y, x: (x - 0.7 * y).abs() < 3, 0),
    "ring": (lambda y, x: (y**2 + x**2 - 900).abs() <= 150, 0),
    "field": (lambda y, x: (y.abs() < 30) & (x.abs() < 30), 0),
    "sun": (lambda y, x: y**2 + x**2 <= 1600, 0),
}


@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("name", SHAPES)
def test_only_round_spots_are_blobs(name: str, noise: float) -> None:
    inside, expected = SHAPES[name]
    assert count_blobs(*drawn(inside, noise)) == expected


def test_strokes_all_over_are_not_blobs() -> None:
    content = texture(160, 160)
    painted = content
    for row in range(10, 160, 20):
        for column in range(10, 160, 20):
            painted = with_disc(painted, row, column, radius=5)
    assert count_blobs(painted, content) == 0
