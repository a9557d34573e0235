"""What a loss network sees while a style is trained: photographs, paintings and everything between."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.objective.calibration import calibrate
from allaprima.train.objective.perceptual_loss import PerceptualLoss, style_targets

from .student import LAYERS

CONTENT_LAYERS = ("relu4_2",)
STYLE_LAYERS = tuple(layer for layer in LAYERS if layer not in CONTENT_LAYERS)

NOISE = 0.25
"""Largest standard deviation of the noise, of a picture in [0, 1]."""

RECOLOUR = 0.4
"""Standard deviation of what is added to the entries of the identity to mix colours."""


def disturb(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return pictures with mixed colours and another contrast, one half of them noisy.

    Args:
        images: Pictures, `(B, 3, H, W)`, RGB in [0, 1].
        generator: Draws what is done to each.
    """
    count = len(images)
    mixture = torch.eye(3) + RECOLOUR * torch.randn(count, 3, 3, generator=generator)
    level = 0.25 + 0.5 * torch.rand(count, 3, 1, 1, generator=generator)
    loudness = NOISE * torch.rand(count, 1, 1, 1, generator=generator)
    loudness[::2] = 0
    noise = loudness * torch.randn(images.shape, generator=generator)
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    mixed = torch.einsum("bij,bjhw->bihw", mixture.to(images.device), centred)
    return (mixed + (level + noise).to(images.device)).clamp(0, 1)


class Painter:
    """A small transformer network that learns one style.

    Args:
        loss: What it learns from.
        seed: Of its first weights.
    """

    def __init__(self, loss: PerceptualLoss, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = TransformerNetwork(width=12, residual_blocks=2).to(loss.loss_network.device)
        self._loss = loss
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=5e-3)

    def paint(self, photographs: Tensor) -> Tensor:
        """Return pictures made of photographs, both `(B, 3, H, W)` in [0, 1], and learn from them."""
        painted: Tensor = self.network(photographs)
        self._optimizer.zero_grad()
        self._loss(painted, photographs)["total"].backward()
        self._optimizer.step()
        return painted.detach().clamp(0, 1)


def calibrated_loss(
    loss_network: LossNetwork, style: Tensor, photographs: Tensor, strength: float = 1.0
) -> PerceptualLoss:
    """Return the default objective for a style picture, `(1, 3, H, W)`, calibrated on photographs."""
    weights = calibrate(
        loss_network,
        style,
        [photographs],
        content_layers=CONTENT_LAYERS,
        style_layers=STYLE_LAYERS,
        strength=strength,
    )
    return PerceptualLoss(loss_network, style_targets(loss_network, style, STYLE_LAYERS), weights)


class RestlessPainter:
    """A painter that after some steps begins another style, with the student as it then stands.

    Its pictures are what the student must be right about: those of early and later steps of many
    styles, and those that make use of the student's own mistakes.

    Args:
        student: Returns the student, frozen.
        paintings: Batches of style pictures, `(B, 3, H, W)`, RGB in [0, 1].
        steps: Steps after which it begins anew with another style.
        generator: Draws styles' strength and first weights.
    """

    def __init__(
        self,
        student: Callable[[], LossNetwork],
        paintings: Iterator[Tensor],
        steps: int,
        generator: torch.Generator,
    ) -> None:
        self._student = student
        self._paintings = paintings
        self._steps = steps
        self._generator = generator
        self._step = 0

    def paint(self, photographs: Tensor) -> Tensor:
        """Return pictures made of photographs, both `(B, 3, H, W)` in [0, 1], after one step of training."""
        if self._step % self._steps == 0:
            self._painter = self._begin(photographs)
        self._step += 1
        return self._painter.paint(photographs)

    def _begin(self, photographs: Tensor) -> Painter:
        """Take another style and forget how to paint."""
        seed = int(torch.randint(1 << 31, (1,), generator=self._generator))
        strength = 4 ** (2 * float(torch.rand(1, generator=self._generator)) - 1)
        style = next(self._paintings)[:1].to(photographs.device)
        return Painter(calibrated_loss(self._student(), style, photographs, strength), seed)
