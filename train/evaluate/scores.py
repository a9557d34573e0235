"""A trained network's objective and artefact figures on photographs."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from allaprima.images.pixels import Pixels
from allaprima.images.tensors import to_image, to_pixels
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.objective.perceptual_loss import TERMS, PerceptualLoss

from .visual_artefacts import flat_figures, picture_figures


@dataclass(frozen=True)
class Photograph:
    """A photograph by name, read when it is needed: a folder may hold more than memory does."""

    name: str
    read: Callable[[], Pixels]


@dataclass(frozen=True)
class PictureScore:
    """One photograph and how well its result does."""

    photograph: Photograph
    terms: dict[str, float]
    """Content, style, tv and total of the result."""
    untouched: float
    """The total of the photograph itself."""
    artefacts: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """A network's scores on all photographs."""

    pictures: list[PictureScore]
    """From the lowest total to the highest."""
    flat: dict[str, float]
    """Figures of the network's answer to flat pictures."""

    @property
    def terms(self) -> dict[str, float]:
        """The mean terms."""
        return {name: _mean(picture.terms[name] for picture in self.pictures) for name in TERMS}

    @property
    def artefacts(self) -> dict[str, float]:
        """The figures of the answer to flat pictures, and the means of those of the results."""
        names = self.pictures[0].artefacts
        means = {name: _mean(picture.artefacts[name] for picture in self.pictures) for name in names}
        return {**self.flat, **means}

    @property
    def figures(self) -> dict[str, float]:
        """Mean terms and artefact figures, to six digits, as a style file holds them."""
        return {name: float(f"{value:.6g}") for name, value in {**self.terms, **self.artefacts}.items()}


def collect(network: TransformerNetwork, pictures: Iterable[PictureScore]) -> Scores:
    """Return a network's scores on at least one photograph, with its answer to flat pictures."""
    return Scores(sorted(pictures, key=lambda score: score.terms["total"]), flat_figures(network))


@torch.no_grad()
def score_picture(network: TransformerNetwork, loss: PerceptualLoss, photograph: Photograph) -> PictureScore:
    """Return the score of one photograph, its result rounded to 8 bits as a file holds it.

    Args:
        network: The network, in evaluation mode.
        loss: The objective, on the network's device.
        photograph: What to paint.

    Raises:
        PictureError: If the photograph cannot be read.
        ValueError: If it is too small for the network or the objective, or that is not finite.
    """
    device = next(network.parameters()).device
    pixels = photograph.read()
    content_image = to_image(pixels, device)
    stylized_image = to_image(stylize(network, pixels), device)
    targets = loss.content_targets(content_image)
    terms = {name: float(value) for name, value in loss.terms(stylized_image, targets).items()}
    untouched = float(loss.terms(content_image, targets)["total"])
    if not (math.isfinite(terms["total"]) and math.isfinite(untouched)):
        raise ValueError(
            f"the objective is not finite: {terms['total']:g}, of the photograph itself {untouched:g}; "
            "check the loss network's weights"
        )
    return PictureScore(photograph, terms, untouched, picture_figures(stylized_image, content_image))


@torch.no_grad()
def stylize(network: TransformerNetwork, pixels: Pixels) -> Pixels:
    """Return what the network makes of a photograph, `(H, W, 3)`."""
    return to_pixels(network(to_image(pixels, next(network.parameters()).device))[0])


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)
