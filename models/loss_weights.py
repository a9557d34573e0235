"""Where the loss network's weights come from: a file, torch's cache, or torchvision's download."""

import urllib.error
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from .loss_network import layer_names


def load_loss_weights(architecture: str, path: Path | None = None) -> dict[str, Tensor]:
    """Return a VGG's weights, `features.N.weight` and `features.N.bias`.

    Args:
        architecture: `"vgg16"` or `"vgg19"`.
        path: A `.safetensors` or `.pth` file. Without it torchvision's weights are used,
            downloaded into torch's cache, with progress, the first time.

    Raises:
        ValueError: If the architecture is unknown or the file is not such weights.
        FileNotFoundError: If `path` does not exist.
        ConnectionError: If there is no `path`, nothing in the cache and no network.
    """
    layer_names(architecture)
    return _from_torchvision(architecture) if path is None else _from_file(path)


def cached_loss_weights(architecture: str) -> Path:
    """Return where torch's cache keeps an architecture's weights, there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / _url(architecture).rsplit("/", 1)[-1]


def _from_file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"loss_weights '{path}' does not exist")
    try:
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load lets many types of errors through for foreign files
        raise ValueError(f"loss_weights '{path}' cannot be read: {error}") from error
    if not isinstance(weights, dict):
        kind = type(weights).__name__
        raise ValueError(f"loss_weights '{path}' holds a {kind}, not a dictionary of tensors")
    return {key: value for key, value in weights.items() if key.startswith("features.")}


def _from_torchvision(architecture: str) -> dict[str, Tensor]:
    try:
        weights = torch.hub.load_state_dict_from_url(
            _url(architecture), map_location="cpu", progress=True, check_hash=True, weights_only=True
        )
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ConnectionError(
            f"the {architecture} weights are not in torch's cache ({cached_loss_weights(architecture)}) and "
            f"could not be downloaded ({getattr(error, 'reason', error)}). Either connect to the internet "
            "once, or give a file with torchvision's names: --loss-weights FILE (.safetensors or .pth)"
        ) from error
    return {key: value for key, value in weights.items() if key.startswith("features.")}


def _url(architecture: str) -> str:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    enum = {"vgg16": VGG16_Weights, "vgg19": VGG19_Weights}[architecture]
    return str(enum.IMAGENET1K_V1.url)
