"""What goes into a trained style's header."""

import base64
import io
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version

import torch
from PIL import Image

from allaprima import __version__
from allaprima.images.pixels import Pixels
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossDescription, LossWeights
from allaprima.models.style_file import StyleHeader

from .objective.perceptual_loss import PerceptualLoss
from .reproducing_command import training_command
from .settings.config import LossSettings, RunConfig
from .settings.field_metadata import Mark, marked
from .style_picture import StylePicture

THUMBNAIL_SIDE = 128


def style_header(
    style_picture: StylePicture,
    config: RunConfig,
    objective: PerceptualLoss,
    *,
    steps: int,
    validation: Mapping[str, float],
    command: str = "train",
) -> StyleHeader:
    """Return the header of a trained style.

    Args:
        style_picture: The style picture as it was read.
        config: The settings of the run.
        objective: What it was trained against.
        steps: Steps trained.
        validation: Terms on crops of held-out photographs.
        command: Which command trained it.
    """
    header = run_header(
        config,
        style_picture.path.name,
        style_picture.sha256,
        describe_loss(config, objective.loss_network, objective.weights),
        steps=steps,
        validation=validation,
        command=command,
    )
    return header.model_copy(update={"style_thumbnail": _thumbnail(style_picture.on(config.background))})


def run_header(
    config: RunConfig,
    name: str,
    sha256: str,
    loss: LossDescription,
    *,
    steps: int,
    validation: Mapping[str, float],
    command: str,
) -> StyleHeader:
    """Return the header of what a run has made, be it of one style or several.

    Args:
        config: The settings of the run.
        name: What to call the style.
        sha256: Checksum of its picture or pictures.
        loss: What it was trained against.
        steps: Steps trained.
        validation: Terms on crops of held-out photographs.
        command: Which command trained it.
    """
    return StyleHeader(
        dtype=config.dtype,
        style_name=name,
        style_sha256=sha256,
        loss=loss,
        steps=steps,
        validation={name: round(value, 6) for name, value in validation.items()},
        versions={
            "allaprima": __version__,
            "torch": torch.__version__,
            "lightning": version("lightning"),
            "python": platform.python_version(),
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=training_command(config, command),
        licence=config.licence,
        author=config.author,
    )


def describe_loss(
    settings: LossSettings, loss_network: LossNetwork, weights: LossWeights | None
) -> LossDescription:
    """Return what a style file says of an objective; without weights where several styles have their own."""
    names = set(LossSettings.model_fields) - marked(LossSettings, Mark.FILE)
    return LossDescription(
        **settings.model_dump(include=names),
        calibrated=settings.content_weight is None,
        weights=weights,
        lineage=loss_network.lineage,
        fingerprint=loss_network.fingerprint,
    )


def _thumbnail(pixels: Pixels) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
