"""The objective that some settings describe, on a device, for style pictures."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from allaprima.freed_memory import keep_freed_memory
from allaprima.images.pixels import Pixels
from allaprima.images.tensors import to_image
from allaprima.models.loss.architectures import Lineage, check_layers, layer_names
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss.loss_weights import load_loss_weights
from allaprima.models.loss_description import LossWeights
from allaprima.train.rank_zero import is_first_process
from allaprima.train.settings.config import LossSettings
from allaprima.train.settings.loss_presets import PRESETS

from .calibration import calibrate
from .perceptual_loss import PerceptualLoss, scales_in, style_targets
from .preset_formulas import departures, formula_of

_log = logging.getLogger(__name__)


Settings = TypeVar("Settings", bound=LossSettings)


def check_loss_layers(settings: LossSettings) -> None:
    """Raise ValueError, with what there is, if the loss network lacks one of the layers to compare."""
    check_layers(_first_choice(settings), (*settings.content_layers, *settings.style_layers))


def prepare_objectives(
    settings: Settings,
    styles: Sequence[Pixels],
    device: torch.device,
    photographs: Callable[[], Iterable[Tensor]],
    *,
    weights: LossWeights | None = None,
) -> tuple[Settings, list[PerceptualLoss]]:
    """Return the settings with the loss network that `auto` comes to, and the objective of each style.

    Args:
        settings: What is compared.
        styles: Style pictures at their training size, `(H, W, 3)`, uint8, or `(H, W, 4)` with opacity.
        device: Where to compute.
        photographs: Sets the photographs up, once the loss network stands, and returns batches
            `(B, 3, H, W)` to calibrate on, which are taken only where that is needed.
        weights: Weights found earlier.

    Raises:
        ValueError: If a layer is unknown, weights are not those of the network, a style picture is too small
            for so many scales, or photographs cannot be read.
        FileNotFoundError: If a file does not exist.
        ConnectionError: If no weights are at hand, and the network is not chosen by itself.
    """
    settings, network_weights = read_loss_weights(settings)
    loss_network = build_loss_network(settings, network_weights).to(device)
    if weights is None:  # nothing has been learned yet
        _check_scales(settings.style_scales, styles)
    batches = photographs()
    weights = weights or explicit_weights(settings)
    if weights is None:
        batches = list(batches)  # each style looks at them
    losses = [
        build_loss(settings, loss_network, to_image(style, device), photographs=batches, weights=weights)
        for style in styles
    ]
    return settings, losses


def load_loss_network(settings: LossSettings, device: torch.device | str = "cpu") -> LossNetwork:
    """Return the frozen network of some loss settings.

    Raises:
        ValueError: If a layer is unknown, or the weights are not those of the network.
        FileNotFoundError: If the file of weights does not exist.
        ConnectionError: If no weights are at hand.
    """
    return build_loss_network(*read_loss_weights(settings)).to(device)


def read_loss_weights(settings: Settings) -> tuple[Settings, dict[str, Tensor]]:
    """Return the settings with the loss network that `auto` comes to, and that network's weights.

    They are of the preset's lineage where there is a choice.

    Raises:
        ValueError: If the file is not such weights.
        FileNotFoundError: If the file does not exist.
        ConnectionError: If no weights are at hand, and the network is not chosen by itself.
    """
    lineage = PRESETS[settings.loss_preset]().lineage if settings.loss_preset else None
    architecture = _first_choice(settings)
    try:
        weights = load_loss_weights(architecture, settings.loss_weights, lineage=lineage)
    except ConnectionError:
        lacking = {*settings.content_layers, *settings.style_layers} - set(layer_names("compact"))
        if settings.loss_network != "auto" or lacking:
            raise
        if is_first_process():
            _explain_fallback(settings)
        architecture, weights = "compact", load_loss_weights("compact")
    return settings.model_copy(update={"loss_network": architecture}), weights


def build_loss_network(settings: LossSettings, weights: Mapping[str, Tensor]) -> LossNetwork:
    """Return the frozen network of some loss settings, cut after the deepest layer they name.

    Where the settings or the lineage of the weights differ from the preset's, that is logged, as is
    a strength that has no effect.

    Raises:
        ValueError: If a layer is unknown, or the weights are not those of the network.
    """
    keep_freed_memory()  # feature maps come and go with every evaluation
    network = LossNetwork(settings.loss_network, (*settings.content_layers, *settings.style_layers), weights)
    is_balanced = settings.strength == LossSettings.model_fields["strength"].default
    if not is_balanced and explicit_weights(settings) is not None:
        _log.warning("strength %g has no effect: the weights are fixed", settings.strength)
    if settings.loss_preset is not None:
        lineage = PRESETS[settings.loss_preset]().lineage
        differences = [] if lineage == network.lineage else [_difference(network.lineage)]
        for sentence in departures(settings) + differences:
            _log.warning("loss_preset %s: %s", settings.loss_preset, sentence)
    return network


def build_loss(
    settings: LossSettings,
    loss_network: LossNetwork,
    style_image: Tensor,
    *,
    photographs: Iterable[Tensor] = (),
    weights: LossWeights | None = None,
) -> PerceptualLoss:
    """Return the objective: with given, explicit, the preset's or else calibrated weights.

    Args:
        settings: What is compared.
        loss_network: The frozen network, from `load_loss_network`.
        style_image: The style picture, as for `style_targets`.
        photographs: Batches `(B, 3, H, W)` to calibrate on, looked at only where that is needed.
        weights: Weights found earlier.
    """
    weights, formula = weights or explicit_weights(settings), formula_of(settings)
    if weights is None:
        weights = calibrate(
            loss_network,
            style_image,
            photographs,
            content_layers=settings.content_layers,
            style_layers=settings.style_layers,
            strength=settings.strength,
            tv_weight=settings.tv_weight,
            formula=formula,
            scales=settings.style_scales,
        )
    targets = style_targets(
        loss_network, style_image, weights.style, formula.style, scales=settings.style_scales
    )
    return PerceptualLoss(loss_network, targets, weights, formula)


def explicit_weights(settings: LossSettings) -> LossWeights | None:
    """Return the weights that the settings or their preset state, or None if they are to be found."""
    if settings.content_weight is None or settings.style_weight is None:
        return None
    return LossWeights(
        content=dict.fromkeys(settings.content_layers, settings.content_weight),
        style=dict.fromkeys(settings.style_layers, settings.style_weight),
        tv=settings.tv_weight or 0.0,
    )


def _check_scales(scales: int, styles: Iterable[Pixels]) -> None:
    for style in styles:
        height, width = style.shape[:2]
        if scales > (most := scales_in(height, width)):
            raise ValueError(
                f"style_scales is {scales}, and the style picture, of {width}x{height} pixels in training, "
                f"has room for {most}; give {most}, or a larger picture and --style-size"
            )


def _explain_fallback(settings: LossSettings) -> None:
    _log.info(
        "VGG-19's weights are not at hand and could not be downloaded: using the compact loss network "
        "that ships with allaprima (--loss-weights FILE gives VGG-19's)"
    )
    if explicit_weights(settings) is not None:
        _log.warning(
            "content_weight and style_weight mean something else with it: its features are as large as those "
            "of the original VGG-19, and larger than those of torchvision's"
        )


def _first_choice(settings: LossSettings) -> str:
    return "vgg19" if settings.loss_network == "auto" else settings.loss_network


def _difference(lineage: Lineage) -> str:
    network, preset, comparison = ("original", "torchvision's", "larger")
    if lineage == "torchvision":
        network, preset, comparison = ("torchvision's", "the original", "smaller")
    return (
        f"the weights of the loss network are {network} and the preset was tuned with {preset} ones; their "
        f"activations are {comparison}, so its numbers balance content, style and total variation differently"
    )
