"""One photograph painted by optimisation, from coarse to fine."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from allaprima.images.picture_files import read_picture
from allaprima.images.pixels import Pixels, resized
from allaprima.images.tensors import to_image, to_pixels
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.objective.prepare_objective import build_loss

from .lbfgs import Descent, Terms, minimize
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
    before: Terms
    """The terms of the first picture at this size."""
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
        style: The style picture at its size, `(H, W, 3)`, or `(H, W, 4)` with opacity.
        loss_network: The frozen network of the settings, on the device to compute on.
        config: The objective and the optimiser.
        watch: Called at every evaluation.

    Raises:
        ValueError: If a picture is too small at some scale, or the first picture's objective is
            not finite.
        PictureError: If the picture to start from cannot be read.
    """
    sizes = scaled_sizes(*target_size(photograph, config.height), config.scales)
    _check_smallest(sizes[0], loss_network.smallest_side, config.scales)
    first = image = _first_picture(photograph, config, *sizes[0]).to(loss_network.device)
    descents: list[Descent] = []
    done = 0
    for index, size in enumerate(sizes):
        loss, content_image = _objective(photograph, style, loss_network, config, size, sizes[-1])
        settings = config.model_copy(update={"steps": (config.steps - done) // (len(sizes) - index)})
        start = _enlarged(image, size)
        descents.append(minimize(loss, content_image, start, settings, watch=_from(watch, done)))
        done += len(descents[-1].curve)
        image = descents[-1].image
        if descents[-1].problem or descents[-1].is_interrupted:
            break
    _check_first(descents)
    loss, content_image = _objective(photograph, style, loss_network, config, sizes[-1], sizes[-1])
    pixels = to_pixels(_enlarged(image, sizes[-1])[0])
    before, terms = (
        _terms_of(loss, picture, content_image)
        for picture in (_enlarged(first, sizes[-1]), to_image(pixels, loss_network.device))
    )
    return Painting(pixels, before, terms, descents)


def target_size(photograph: Pixels, height: int | None) -> tuple[int, int]:
    """Return height and width of the picture, the photograph's proportions kept."""
    own_height, own_width = photograph.shape[:2]
    target_height = int(own_height) if height is None else height
    return target_height, max(1, round(own_width * target_height / own_height))


def scaled_sizes(height: int, width: int, scales: int) -> list[tuple[int, int]]:
    """Return sizes from coarse to fine, each half of the next, rounded."""
    factors = [2.0**-exponent for exponent in reversed(range(scales))]
    return [(max(1, round(height * factor)), max(1, round(width * factor))) for factor in factors]


def _objective(
    photograph: Pixels,
    style: Pixels,
    loss_network: LossNetwork,
    config: OptimizeConfig,
    size: tuple[int, int],
    full: tuple[int, int],
) -> tuple[PerceptualLoss, Tensor]:
    """Return the objective at a size, the style reduced as the photograph is, and the photograph."""
    device = loss_network.device
    content_image = to_image(resized(photograph, *size), device)
    small_style = resized(style, *(max(16, round(side * size[0] / full[0])) for side in style.shape[:2]))
    style_image = to_image(small_style, device)
    return build_loss(config, loss_network, style_image, photographs=[content_image]), content_image


@torch.no_grad()
def _terms_of(loss: PerceptualLoss, image: Tensor, content_image: Tensor) -> Terms:
    return {name: float(value) for name, value in loss(image, content_image).items()}


def _check_smallest(coarsest: tuple[int, int], layers_need: int, scales: int) -> None:
    """Raise ValueError now if the coarsest picture is too small for the layers or for neighbours."""
    height, width = coarsest
    smallest = max(2, layers_need)
    if min(coarsest) < smallest:
        where, remedy = "", ""
        if scales > 1:
            where, remedy = f"at the coarsest of {scales} scales the ", ": take fewer --scales"
        raise ValueError(
            f"{where}picture is {width}x{height} pixels; the smallest that works with these layers is "
            f"{smallest}x{smallest}{remedy}"
        )


def _first_picture(photograph: Pixels, config: OptimizeConfig, height: int, width: int) -> Tensor:
    if config.start == "noise":
        generator = torch.Generator().manual_seed(config.seed)
        return torch.rand(1, 3, height, width, generator=generator)
    if config.start_file is not None:
        photograph = read_picture(config.start_file).on(config.background).rgb
    return to_image(resized(photograph, height, width))


def _enlarged(image: Tensor, size: tuple[int, int]) -> Tensor:
    if image.shape[-2:] == size:
        return image
    return torch.nn.functional.interpolate(image, size, mode="bicubic").clamp(0, 1)


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
