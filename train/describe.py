"""What goes into a trained style's header and onto its contact sheet."""

import base64
import hashlib
import io
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from PIL import Image

from allaprima import __version__
from allaprima.models.contact_sheet import Pixels, contact_sheet
from allaprima.models.style_file import StyleHeader
from allaprima.models.transformer import TransformerNetwork

from .config import FileSettings, LossSettings
from .perceptual import LossWeights
from .pixels import to_image, to_pixels

THUMBNAIL_SIDE = 128


def style_header(
    style: Path,
    pixels: Pixels,
    config: FileSettings,
    loss: LossSettings,
    weights: LossWeights,
    *,
    steps: int,
    validation: Mapping[str, float],
) -> StyleHeader:
    """Return the header of a trained style.

    Args:
        style: The style picture's file.
        pixels: The style picture, `(H, W, 3)`, uint8.
        config: Number format, author and licence.
        loss: The loss settings of the run.
        weights: The resolved loss weights.
        steps: Steps trained.
        validation: Terms on held-out photographs.
    """
    calibrated = loss.content_weight is None
    settings = loss.model_dump(mode="json", include=set(LossSettings.model_fields), exclude={"loss_weights"})
    return StyleHeader(
        dtype=config.dtype,
        style_name=style.name,
        style_sha256=hashlib.sha256(style.read_bytes()).hexdigest(),
        style_thumbnail=_thumbnail(pixels),
        loss={**settings, "calibrated": calibrated, "weights": weights.to_dict()},
        steps=steps,
        validation={name: round(value, 6) for name, value in validation.items()},
        versions={
            "allaprima": __version__,
            "torch": torch.__version__,
            "lightning": version("lightning"),
            "python": platform.python_version(),
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licence=config.licence,
        author=config.author,
    )


@torch.no_grad()
def result_sheet(network: TransformerNetwork, style: Pixels, photographs: list[Pixels]) -> Pixels:
    """Return the contact sheet of a style, photographs and what the network makes of them."""
    device = next(network.parameters()).device
    results = [to_pixels(network(to_image(photograph, device))[0]) for photograph in photographs]
    return contact_sheet(style, photographs, results)


def _thumbnail(pixels: Pixels) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
