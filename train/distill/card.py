"""The compact network's model card: what it was made from, and how exact it is."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from allaprima import __version__

from .config import DistillConfig
from .student import LAYERS


def facts(config: DistillConfig, lineage: str, steps: int, found: Mapping[str, float]) -> dict[str, Any]:
    """Return what the file's header says.

    Args:
        config: The settings of the run.
        lineage: Which VGG-19 it stands in for.
        steps: Steps done.
        found: Logged metrics; those of the validation are kept.
    """
    errors = {
        kind: {layer: found[f"val/{kind}/{layer}"] for layer in LAYERS if f"val/{kind}/{layer}" in found}
        for kind in ("feature", "gram")
    }
    return {
        "lineage": lineage,
        "steps": steps,
        "pictures_a_step": 3 * config.batch_size + max(1, config.batch_size // 2),
        "crop_size": config.crop_size,
        "errors": errors,
        "versions": {"allaprima": __version__, "torch": version("torch")},
    }


def model_card(card: Mapping[str, Any]) -> str:
    """Return the facts as a page to read."""
    rows = "\n".join(
        f"| {layer} | {card['errors']['feature'][layer]:.3f} | {card['errors']['gram'][layer]:.4f} |"
        for layer in card["errors"]["feature"]
    )
    return f"""# Compact loss network

VGG-19 ({card["lineage"]} weights) distilled: 3x3 convolutions with few channels, and behind each layer
that is compared a 1x1 convolution and ReLU that predict VGG-19's features there. Made by
`allaprima distill` in {card["steps"]} steps of {card["pictures_a_step"]} crops of
{card["crop_size"]} px: photographs, paintings, both with mixed colours and noise, and pictures of a
small network that was trained against the compact one meanwhile.

Errors on held-out photographs, plain and disturbed: of features, as a share of their mean square, and of Gram
matrices, as a share of their squares.

| layer | features | Gram matrix |
|---|---|---|
{rows}
"""
