"""The compact network's model card: what it was made from, and how exact it is."""

import shlex
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from allaprima import __version__
from allaprima.train.reproducing_command import flags_for, portable

from .config import DistillConfig
from .distillation_module import PICTURES
from .student import LAYERS

ERRORS = {"feature": "features", "gram": "Gram matrices", "style": "Gram differences"}


def facts(
    config: DistillConfig, lineage: str, steps: int, pictures: Mapping[str, str], metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Return what the file's header says.

    Args:
        config: The settings of the run.
        lineage: Which VGG-19 it stands in for.
        steps: Steps done.
        pictures: Hashes of the photographs and of the paintings.
        metrics: Logged metrics; those of the validation are kept.
    """
    return {
        "lineage": lineage,
        "steps": steps,
        "settings": portable(config),
        "pictures": dict(pictures),
        "errors": {
            error: {
                layer: {kind: metrics[f"val/{kind}/{error}/{layer}"] for kind in PICTURES} for layer in LAYERS
            }
            for error in ERRORS
        },
        "versions": {"allaprima": __version__, "torch": version("torch")},
    }


def model_card(card: Mapping[str, Any]) -> str:
    """Return the facts as a page to read."""
    flags = shlex.join(flags_for(card["settings"], DistillConfig().to_dict()))
    tables = "\n".join(_table(title, card["errors"][error]) for error, title in ERRORS.items())
    return f"""# Compact loss network

VGG-19 ({card["lineage"]} weights) distilled: 3x3 convolutions with few channels, and behind each layer
that is compared a 1x1 convolution and ReLU that predict VGG-19's features there. The first weights are
found by least squares on a chosen few of VGG-19's channels; {card["steps"]} steps of Adam follow, on
photographs, paintings, both with mixed colours and noise, and pictures of a small network that is
trained against the compact one meanwhile.

```sh
allaprima distill {flags}
```

Squared errors on held-out photographs as they are, disturbed, and painted in a style that took no
part, as a share of the squares of VGG-19's own. Gram differences are those between two pictures, which a
style loss is made of.
{tables}"""


def _table(title: str, errors: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        f"| {layer} | " + " | ".join(f"{value:.4f}" for value in by.values()) + " |"
        for layer, by in errors.items()
    ]
    head = [f"| {title} | " + " | ".join(PICTURES) + " |", "|---" * (1 + len(PICTURES)) + "|"]
    return "\n".join(["", *head, *rows, ""])
