"""Where the loss network's weights come from: a file, the package, torch's cache, or a download."""

import socket
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from .architectures import Lineage, layer_names, weight_shapes
from .compact import embedded_weights, read_compact
from .loss_network import IMAGENET_MEAN, IMAGENET_STD

CONNECT_SECONDS = 20.0
"""Time without an answer after which a download is given up."""

ORIGINAL_MEAN = (0.48235, 0.45882, 0.40784)
"""What torchvision's copy of the original VGG-16 subtracts from RGB in [0, 1]."""

ORIGINAL_STD = (1 / 255, 1 / 255, 1 / 255)
"""What it divides by, which makes 0..255 of [0, 1]."""


def load_loss_weights(
    architecture: str, path: Path | None = None, *, lineage: Lineage | None = None
) -> dict[str, Tensor]:
    """Return a loss network's weights by the names of `weight_shapes`.

    Args:
        architecture: `"vgg16"`, `"vgg19"` or `"compact"`.
        path: A `.safetensors` or `.pth` file. Without it a VGG's are torchvision's, downloaded into
            torch's cache, with progress, the first time, and the compact network's the package's.
        lineage: Which weights to prefer where there is no file. The original ones can be
            downloaded for VGG-16 alone; where they are not at hand the result is torchvision's.

    Raises:
        ValueError: If the architecture is unknown, the file is not such weights, or the package's own
            is missing or damaged.
        FileNotFoundError: If `path` does not exist.
        ConnectionError: If there is no `path`, nothing in the cache and no network.
    """
    layer_names(architecture)
    if architecture == "compact":
        return read_compact(path) if path else embedded_weights()
    if path is not None:
        return _from_file(path)
    if lineage == "original" and architecture == "vgg16":
        try:
            return fold_input(_downloaded("vgg16", "original"), ORIGINAL_MEAN, ORIGINAL_STD)
        except ConnectionError:
            if not cached_loss_weights(architecture).exists():
                raise
    return _downloaded(architecture, "torchvision")


def cached_loss_weights(architecture: str, lineage: Lineage = "torchvision") -> Path:
    """Return where torch's cache keeps an architecture's weights, there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / _url(architecture, lineage).rsplit("/", 1)[-1]


def random_loss_weights(architecture: str, seed: int = 0) -> dict[str, Tensor]:
    """Return weights with which features neither vanish nor explode (He et al. 2015).

    They are for measuring speed and for tests; nobody would hang what is trained with them.

    Raises:
        ValueError: If the architecture is unknown.
    """
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        if len(shape) == 4
        else torch.zeros(shape)
        for name, shape in weight_shapes(architecture).items()
    }


def fold_input(
    weights: Mapping[str, Tensor], mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Tensor]:
    """Return the weights that answer to ImageNet's normalisation as `weights` do to another.

    With z = (x - m) / s of ImageNet the first layer's input (x - mean) / std is z s / std + (m - mean) / std.
    The factor goes into its kernel and the rest into its bias. One ring of pixels differs: what pads
    the picture is then ImageNet's mean instead of `mean`, 0.7 of 255 levels for the original VGG.

    Args:
        weights: A VGG's weights by torchvision's names.
        mean: What they expect to be subtracted from RGB in [0, 1].
        std: What they expect the rest to be divided by.
    """
    m, s, other_m, other_s = (torch.tensor(v).double() for v in (IMAGENET_MEAN, IMAGENET_STD, mean, std))
    kernel, bias = weights["features.0.weight"].double(), weights["features.0.bias"].double()
    offset = kernel.sum(dim=(2, 3)) @ ((m - other_m) / other_s)
    folded = {
        "features.0.weight": (kernel * (s / other_s)[:, None, None]).float(),
        "features.0.bias": (bias + offset).float(),
    }
    return {**weights, **folded}


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
    return {key: value for key, value in weights.items() if key.startswith(("features.", "projections."))}


def _downloaded(architecture: str, lineage: Lineage) -> dict[str, Tensor]:
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        weights = torch.hub.load_state_dict_from_url(
            _url(architecture, lineage), map_location="cpu", progress=True, check_hash=True, weights_only=True
        )
    except Exception as error:  # torch.load lets many types of errors through for damaged files
        cached = cached_loss_weights(architecture, lineage)
        problem = (
            f"the file of {architecture} weights in torch's cache ({cached}) is damaged: delete it"
            if cached.is_file()
            else f"the {architecture} weights are not in torch's cache ({cached}) and could not be downloaded"
        )
        raise ConnectionError(
            f"{problem} ({getattr(error, 'reason', error)}). Either connect to the internet once, or give a "
            "file with torchvision's names: --loss-weights FILE (.safetensors or .pth); training with "
            "--loss-network compact needs neither"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
    return {key: value for key, value in weights.items() if key.startswith("features.")}


def _url(architecture: str, lineage: Lineage) -> str:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    if lineage == "original":
        return str(VGG16_Weights.IMAGENET1K_FEATURES.url)
    enum = {"vgg16": VGG16_Weights, "vgg19": VGG19_Weights}[architecture]
    return str(enum.IMAGENET1K_V1.url)
