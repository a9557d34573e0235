"""The compact loss network's file: our own distillation of VGG-19, which ships with the package."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from allaprima.atomic import write_whole
from allaprima.json_text import parse_json

from .architectures import weight_shapes

EMBEDDED = Path(__file__).with_name("compact.safetensors")
FORMAT_VERSION = 1
METADATA_KEY = "allaprima-compact"


def embedded_weights() -> dict[str, Tensor]:
    """Return the weights that ship with the package.

    Raises:
        ValueError: If the file is missing, damaged or of another version of the package.
    """
    try:
        return read_compact(EMBEDDED)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"the compact loss network cannot be used: {error}. Install allaprima again, or use VGG-19: "
            "--loss-network vgg19"
        ) from error


def read_compact(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file that `save_compact` wrote.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is damaged, foreign, or of another version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"the compact loss network's file '{path.name}' does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            card = parse_json((file.metadata() or {}).get(METADATA_KEY, "null"))
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"'{path.name}' is damaged ({error})") from error
    if not isinstance(card, dict):
        raise ValueError(f"'{path.name}' is no compact loss network: allaprima distill makes such files")
    if (version := card.get("format_version")) != FORMAT_VERSION:
        raise ValueError(f"'{path.name}' has format {version}, and this version reads {FORMAT_VERSION}")
    if {key: tuple(tensor.shape) for key, tensor in weights.items()} != weight_shapes("compact"):
        raise ValueError(f"'{path.name}' holds another network's weights")
    if odd := [key for key, tensor in weights.items() if not tensor.is_floating_point()]:
        raise ValueError(f"'{path.name}' has weights that are no floats: {odd[0]} is {weights[odd[0]].dtype}")
    weights = {key: tensor.float() for key, tensor in weights.items()}
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise ValueError(f"'{path.name}' holds numbers that are not finite")
    return weights


def save_compact(path: Path, weights: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write weights in float16 with what there is to say of them, whole or not at all.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    tensors = {key: tensor.detach().cpu().half().contiguous() for key, tensor in weights.items()}
    metadata = {METADATA_KEY: json.dumps({"format_version": FORMAT_VERSION, **card})}
    write_whole(path, save(tensors, metadata=metadata))
