"""What is evaluated: a style file's network, and the objective it is held against."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import torch
import yaml

from allaprima.models.contact_sheet import Pixels
from allaprima.models.loss_network import LossNetwork
from allaprima.models.style_file import Style, StyleHeader
from allaprima.train.config import ConfigError, LossSettings, PresetName, parse_settings
from allaprima.train.objective import build_loss
from allaprima.train.perceptual import LossWeights, PerceptualLoss
from allaprima.train.pixels import to_image

_log = logging.getLogger(__name__)


def objective_settings(
    header: StyleHeader, preset: PresetName | None, loss_weights: Path | None
) -> LossSettings:
    """Return the settings of a preset or, without one, those a style was trained with.

    Raises:
        ConfigError: If there is no preset and the style file does not say how it was trained.
    """
    if preset is not None:
        values: dict[str, Any] = {"loss_preset": preset}
    elif "weights" in header.loss:
        values = {key: value for key, value in header.loss.items() if key in LossSettings.model_fields}
    else:
        raise ConfigError(
            f"the style file of {header.style_name} does not say what it was trained with: give --preset"
        )
    return parse_settings(LossSettings, {**values, "loss_weights": loss_weights})


def objective(
    header: StyleHeader, settings: LossSettings, loss_network: LossNetwork, style: Pixels
) -> PerceptualLoss:
    """Return the objective of a preset, or with the weights that a style was trained with.

    Args:
        header: The style file's header.
        settings: From `objective_settings`.
        loss_network: The frozen VGG of the settings.
        style: The style picture at its size, `(H, W, 3)`.
    """
    stored = header.loss.get("lineage")
    if settings.loss_preset is None and stored not in (None, loss_network.lineage):
        _log.warning(
            "the style was trained with a loss network of the %s weights; these are the %s ones, so the "
            "terms cannot be compared with those in the style file",
            stored,
            loss_network.lineage,
        )
    own = header.loss.get("loss_preset") == settings.loss_preset and "weights" in header.loss
    weights = LossWeights(**header.loss["weights"]) if own else None
    device: torch.device = loss_network.get_buffer("mean").device
    return build_loss(settings, loss_network, to_image(style, device), weights=weights)


def find_style_picture(style_file: Path, style: Style, given: Path | None) -> Path:
    """Return the style picture: the given one, or that of the run whose folder holds the style file.

    A given picture that is not the one in the style file's header is logged and taken.

    Raises:
        ValueError: If none is given and none is found.
    """
    header = style.header
    if given is not None:
        if given.is_file() and _digest(given) != header.style_sha256:
            _log.warning("'%s' is not the picture that %s was trained on", given, header.style_name)
        return given
    config = style_file.parent / "config.yaml"
    if config.is_file():
        named = (yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("style")
        if named and Path(named).is_file() and _digest(Path(named)) == header.style_sha256:
            return Path(named)
    raise ValueError(f"the style picture {header.style_name} is needed: give it with --style PICTURE")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
