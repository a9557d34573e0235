"""What is evaluated: a style file's network, and the objective it is held against."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from allaprima.checksum import sha256_of
from allaprima.images.folders import SETTINGS
from allaprima.images.pixels import Pixels
from allaprima.images.tensors import to_image
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossWeights
from allaprima.models.style_file import Style, StyleHeader
from allaprima.train.kept_style_pictures import KEPT_STYLES, kept_copy
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.objective.prepare_objective import build_loss
from allaprima.train.settings.config import LossSettings
from allaprima.train.settings.loss_presets import PresetName
from allaprima.train.settings.parsing import ConfigError, parse_settings, read_yaml

_log = logging.getLogger(__name__)


class Yardstick(NamedTuple):
    """The objective to measure by, before anything is loaded."""

    settings: LossSettings
    weights: LossWeights | None
    """Weights found in training; None where the settings state them."""


def choose_yardstick(header: StyleHeader, preset: PresetName | None, loss_weights: Path | None) -> Yardstick:
    """Return a preset's objective or, without one, that which a style was trained with.

    Raises:
        ConfigError: If there is no preset and the style file does not say how it was trained.
    """
    values: dict[str, Any] = {"loss_preset": preset, "loss_weights": loss_weights}
    if preset is not None:
        return Yardstick(parse_settings(LossSettings, values), None)
    if header.loss.weights is None:
        raise ConfigError(
            f"the style file of {header.style_name} does not say what it was trained with: give --preset"
        )
    values |= header.loss.model_dump(include=set(LossSettings.model_fields))
    return Yardstick(parse_settings(LossSettings, values), header.loss.weights)


def build_yardstick(
    header: StyleHeader, yardstick: Yardstick, loss_network: LossNetwork, style: Pixels
) -> PerceptualLoss:
    """Return the objective on the loss network's device; one of another lineage is logged.

    Args:
        header: The style file's header.
        yardstick: From `choose_yardstick`.
        loss_network: The frozen network of its settings.
        style: The style picture at its size, `(H, W, 3)`, or `(H, W, 4)` with opacity.
    """
    fingerprint = header.loss.fingerprint
    lineage_of_style, lineage = header.loss.lineage, loss_network.lineage
    if yardstick.weights is not None and lineage_of_style not in (None, lineage):
        _log.warning(
            "%s was trained with the %s weights of the loss network and these are the %s ones, so its "
            "terms cannot be compared with those in the style file",
            *(header.style_name, lineage_of_style, lineage),
        )
    elif yardstick.weights is not None and fingerprint not in (None, loss_network.fingerprint):
        _log.warning("%s was trained against another version of the loss network", header.style_name)
    style_image = to_image(style, loss_network.device)
    return build_loss(yardstick.settings, loss_network, style_image, weights=yardstick.weights)


def find_style_picture(style_file: Path, style: Style, picture: Path | None, size: int | None) -> Path:
    """Return the style picture: the given one, or that of the run whose folder holds the style file.

    A given picture that is not the one in the style file's header is logged and taken.

    Args:
        style_file: The style file, in its run's folder or in one below that.
        style: What it holds.
        picture: The style picture, if somebody has just said where it is.
        size: Shorter side at which it is needed; None as large as it is.

    Raises:
        ValueError: If none is given and none is found, or only a copy that is too small.
    """
    header = style.header
    if picture is not None:
        if picture.is_file() and sha256_of(picture) != header.style_sha256:
            _log.warning("'%s' is not the picture that %s was trained on", picture, header.style_name)
        return picture
    needed = f"the style picture {header.style_name} is needed"
    for run in style_file.absolute().parents[:2]:  # that of many styles has a folder for their files
        with suppress(OSError, ConfigError):  # whatever else has that name
            named = Path(str(read_yaml(run / SETTINGS).get("style")))
            if named.is_file() and sha256_of(named) == header.style_sha256:
                return named
        if kept := kept_copy(run / KEPT_STYLES, header.style_sha256):
            copy, original = kept
            wanted, trained_at = (
                min(original.shorter_side, side or original.shorter_side)
                for side in (size, header.loss.style_size)
            )
            if wanted <= trained_at:
                return copy
            needed += f" with a shorter side of {wanted} pixels, and its copy '{copy}' has {trained_at}"
    raise ValueError(f"{needed}: give it with --style PICTURE")
