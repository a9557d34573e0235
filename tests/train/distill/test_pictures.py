"""The pictures a distillation is made with."""

from itertools import repeat

import torch
from torch import Tensor
from torch.nn import functional as F

from allaprima.models.loss.compact import embedded_weights
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.train.distill.pictures import Painter, RestlessPainter, calibrated_loss, disturb
from allaprima.train.distill.student import LAYERS


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blotches(count: int, seed: int) -> torch.Tensor:
    small = torch.rand(count, 3, 8, 8, generator=seeded(seed))
    return F.interpolate(small, size=32, mode="bicubic").clamp(0, 1)


def stripes(period: float) -> Tensor:
    """A style picture that is unlike `blotches`: between pictures of one kind there is nothing to learn."""
    y, x = torch.meshgrid(torch.arange(64) / period, torch.arange(64) / period, indexing="ij")
    return (0.5 + 0.5 * torch.stack([(x + y).sin(), (x - y).sin(), (2 * x).cos()]))[None]


def test_disturbed_pictures_are_pictures_again() -> None:
    images = torch.rand(4, 3, 32, 40, generator=seeded())
    disturbed = disturb(images, seeded(1))
    assert disturbed.shape == images.shape
    assert 0 <= float(disturbed.min()) < float(disturbed.max()) <= 1
    assert torch.equal(disturbed, disturb(images, seeded(1)))
    assert not torch.equal(disturbed, disturb(images, seeded(2)))


def test_every_other_disturbed_picture_is_noisy() -> None:
    flat = torch.full((4, 3, 32, 32), 0.5)
    deviations = disturb(flat, seeded()).std(dim=(2, 3)).amax(dim=1)
    assert (deviations[::2] < 1e-6).all()
    assert (deviations[1::2] > 0.01).all()


def test_a_painter_learns() -> None:
    photographs = blotches(2, seed=2)
    student = LossNetwork("compact", LAYERS, embedded_weights())
    loss = calibrated_loss(student, stripes(6), photographs)
    painter = Painter(loss, seed=0)
    totals = [float(loss(painter.paint(photographs), photographs)["total"]) for _ in range(30)]
    assert totals[-1] < 0.8 * totals[0]


def test_a_restless_painter_begins_anew() -> None:
    student = LossNetwork("compact", LAYERS, embedded_weights())
    asked: list[int] = []

    def frozen() -> LossNetwork:
        asked.append(1)
        return student

    painter = RestlessPainter(frozen, repeat(blotches(1, seed=1)), 5, seeded())
    photographs = blotches(2, seed=2)
    pictures = [painter.paint(photographs) for _ in range(6)]
    assert len(asked) == 2
    assert (pictures[5] - pictures[4]).abs().mean() > 0.02
    assert (pictures[5] - pictures[0]).abs().mean() > 0.02
    assert not any(picture.requires_grad for picture in pictures)
