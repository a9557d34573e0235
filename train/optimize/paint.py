"""One photograph painted by optimisation, from coarse to fine."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from allaprima.models.contact_sheet import Pixels
from allaprima.models.images import read_picture
from allaprima.models.loss_network import LossNetwork
from allaprima.train.objective import build_loss
from allaprima.train.pixels import resized, to_image, to_pixels

from .minimize import Descent, Terms, minimize
from .settings import OptimizeConfig


@dataclass(frozen=True)
class Stage:
    """Where an optimisation stands."""

    evaluation: int
    """Number of the evaluation, from 1, over all scales."""
    terms: Terms
    image: Tensor
    """The picture of this evaluation, `(1, 3, H, W)`."""


@dataclass(frozen=True)
class Painting:
    """A picture made by optimisation."""

    pixels: Pixels
    """The best picture, `(H, W, 3)`."""
    terms: Terms
    """Its terms, as 8-bit pixels."""
    descents: list[Descent]
    """What happened at every scale, coarse to fine."""

    @property
    def problem(self) -> str | None:
        """Why it ended before its time."""
        return self.descents[-1].problem


def paint(
    photograph: Pixels,
    style: Pixels,
    loss_network: LossNetwork,
    config: OptimizeConfig,
    *,
    watch: Callable[[Stage], None] | None = None,
) -> Painting:
    """Return a photograph painted in a style by optimising its pixels.

    Args:
        photograph: The photograph, `(H, W, 3)`.
        style: The style picture at its size, `(H, W, 3)`.
        loss_network: The frozen VGG of the settings, on the device to compute on.
        config: The objective and the optimiser.
        watch: Called at every evaluation.

    Raises:
        ValueError: If a picture is too small at some scale, or the first picture's objective is
            not finite.
        PictureError: If the picture to start from cannot be read.
    """
    device = loss_network.device
    sizes = scaled_sizes(*target_size(photograph, config.height), config.scales)
    image = _first_picture(photograph, config, *sizes[0]).to(device)
    descents: list[Descent] = []
    done = 0
    for index, (height, width) in enumerate(sizes):
        content_image = to_image(resized(photograph, height, width), device)
        factor = height / sizes[-1][0]
        small_style = resized(style, *(max(16, round(side * factor)) for side in style.shape[:2]))
        loss = build_loss(config, loss_network, to_image(small_style, device), photographs=[content_image])
        share = (config.steps - done) // (len(sizes) - index)
        settings = config.model_copy(update={"steps": max(1, share)})
        start = _enlarged(image, height, width)
        descents.append(minimize(loss, content_image, start, settings, watch=_from(watch, done)))
        done += len(descents[-1].curve)
        image = descents[-1].image
        if descents[-1].problem or descents[-1].is_interrupted:
            break
    _check_first(descents)
    pixels = to_pixels(image[0])
    with torch.no_grad():
        terms = loss(to_image(pixels, device), content_image)
    return Painting(pixels, {name: float(value) for name, value in terms.items()}, descents)


def target_size(photograph: Pixels, height: int | None) -> tuple[int, int]:
    """Return height and width of the picture, the photograph's proportions kept."""
    own_height, own_width = photograph.shape[:2]
    height = height or own_height
    return height, max(1, round(own_width * height / own_height))


def scaled_sizes(height: int, width: int, scales: int) -> list[tuple[int, int]]:
    """Return sizes from coarse to fine, each half of the next, rounded."""
    factors = [2.0**-exponent for exponent in reversed(range(scales))]
    return [(max(1, round(height * factor)), max(1, round(width * factor))) for factor in factors]


def _first_picture(photograph: Pixels, config: OptimizeConfig, height: int, width: int) -> Tensor:
    if config.start == "noise":
        generator = torch.Generator().manual_seed(config.seed)
        return torch.rand(1, 3, height, width, generator=generator)
    if config.start_file is not None:
        photograph = read_picture(config.start_file).rgb
    return to_image(resized(photograph, height, width))


def _enlarged(image: Tensor, height: int, width: int) -> Tensor:
    if image.shape[-2:] == (height, width):
        return image
    return torch.nn.functional.interpolate(image, (height, width), mode="bicubic").clamp(0, 1)


def _from(watch: Callable[[Stage], None] | None, done: int) -> Callable[[int, Terms, Tensor], None] | None:
    if watch is None:
        return None
    return lambda number, terms, image: watch(Stage(done + number, terms, image))


def _check_first(descents: list[Descent]) -> None:
    """Raise ValueError if there is no picture to keep."""
    first = descents[0]
    if first.problem and not first.best:
        raise ValueError(
            f"{first.problem}, so there is no picture to keep; the terms are "
            + ", ".join(f"{name} {value:.3g}" for name, value in first.curve[0].items())
            + ": check the weights"
        )
