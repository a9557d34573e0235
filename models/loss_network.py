"""The frozen VGG whose features the losses compare."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions per stage; a 2x2 max pooling stands between stages (Simonyan and Zisserman 2014)."""

CHANNELS = (64, 128, 256, 512, 512)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Lineage = Literal["original", "torchvision"]
"""Which training the weights come from: Simonyan and Zisserman's own, or torchvision's later one."""

_LEAST_ORIGINAL_KERNEL = 2.0


class LossNetwork(nn.Module):
    """The convolutional part of a VGG, cut after the deepest layer asked for.

    Its weights are buffers outside the state dict: no optimiser, checkpoint or call
    of `train` can change them. ImageNet's normalisation happens inside.

    Args:
        architecture: `"vgg16"` or `"vgg19"`.
        layers: Names of the feature maps to return, `"relu1_1"` ... `"relu5_4"`.
        weights: Tensors named as in torchvision, `features.N.weight` and `features.N.bias`.

    Raises:
        ValueError: If the architecture, a layer or the shape of a weight is not the expected
            one, or a weight is missing.
    """

    def __init__(self, architecture: str, layers: Iterable[str], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.architecture = architecture
        self.layers = tuple(layers)
        names = layer_names(architecture)
        depth = max(_position(names, layer, architecture) for layer in self.layers) + 1
        self._names = names[:depth]
        expected = weight_shapes(architecture)
        for name in self._names:
            for kind in ("weight", "bias"):
                key = f"features.{conv_index(architecture, name)}.{kind}"
                tensor = _checked(weights, key, expected[key], architecture)
                self.register_buffer(f"{name}_{kind}", tensor, persistent=False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.get_buffer("mean").device
        return device

    @property
    def lineage(self) -> Lineage:
        """Which training the weights come from."""
        return lineage_of(self.get_buffer("relu1_1_weight"))

    def forward(self, image: Tensor, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Return feature maps by layer name, computing no deeper than needed.

        Args:
            image: Pictures, `(B, 3, H, W)`, RGB in [0, 1].
            layers: Some of the network's layers; all of them by default.

        Returns:
            One `(B, C, H / 2^s, W / 2^s)` map a layer, s the number of poolings before it.

        Raises:
            ValueError: If the picture is so small that a pooling leaves nothing, or a layer
                lies outside what the network was built for.
        """
        wanted = set(self.layers if layers is None else layers)
        if unknown := wanted - set(self._names):
            raise ValueError(f"layers {sorted(unknown)} lie outside this network ({', '.join(self._names)})")
        self._check_size(image, wanted)
        features: dict[str, Tensor] = {}
        x = (image - self.get_buffer("mean")) / self.get_buffer("std")
        for name in self._names:
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2)
            x = F.conv2d(x, self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"), padding=1)
            x = F.relu(x, inplace=True)
            if name in wanted:
                features[name] = x
                if len(features) == len(wanted):
                    break
        return features

    @property
    def smallest_side(self) -> int:
        """The least height and width of a picture that reaches all of its layers."""
        return smallest_side(self.layers)

    def _check_size(self, image: Tensor, wanted: set[str]) -> None:
        stage = max(int(name[4]) for name in wanted)
        smallest = smallest_side(wanted)
        if min(image.shape[-2:]) < smallest:
            raise ValueError(
                f"picture is {image.shape[-1]}x{image.shape[-2]} pixels; layers of stage {stage} "
                f"need at least {smallest}x{smallest}"
            )


def layer_names(architecture: str) -> list[str]:
    """Return the names of an architecture's layers, shallow to deep.

    Raises:
        ValueError: If `architecture` is unknown.
    """
    if architecture not in STAGES:
        raise ValueError(f"unknown loss network {architecture!r}; there are {', '.join(STAGES)}")
    return [f"relu{stage}_{i}" for stage, n in enumerate(STAGES[architecture], 1) for i in range(1, n + 1)]


def smallest_side(layers: Iterable[str]) -> int:
    """Return the least height and width of a picture of which all these layers leave something."""
    return 1 << (max(int(name[4]) for name in layers) - 1)


def check_layers(architecture: str, layers: Iterable[str]) -> None:
    """Raise ValueError, with what there is, if the architecture or one of the layers is unknown."""
    names = layer_names(architecture)
    for layer in layers:
        _position(names, layer, architecture)


def lineage_of(first_kernel: Tensor) -> Lineage:
    """Return the lineage of weights, told from the first convolution's kernel, `(64, 3, 3, 3)`.

    The original network was trained on pictures in 0..255. Brought to pictures in [0, 1] divided by
    ImageNet's deviations its first kernel is about 57 times as large: the mean magnitude is 9.0 for
    VGG-19, and stays well below 1 for a network trained on such pictures from the start.
    """
    magnitude = float(first_kernel.detach().float().abs().mean())
    return "original" if magnitude > _LEAST_ORIGINAL_KERNEL else "torchvision"


def conv_index(architecture: str, name: str) -> int:
    """Return N of `features.N`, torchvision's number for the convolution below a layer."""
    stage, i = int(name[4]), int(name[6])
    return sum(2 * n + 1 for n in STAGES[architecture][: stage - 1]) + 2 * (i - 1)


def weight_shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every convolution's weight and bias by torchvision's name."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for name in layer_names(architecture):
        out = CHANNELS[int(name[4]) - 1]
        index = conv_index(architecture, name)
        shapes[f"features.{index}.weight"] = (out, channels, 3, 3)
        shapes[f"features.{index}.bias"] = (out,)
        channels = out
    return shapes


def _position(names: list[str], layer: str, architecture: str) -> int:
    if layer not in names:
        close = get_close_matches(layer, names, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ValueError(f"unknown layer {layer!r}{hint}; {architecture} has {', '.join(names)}")
    return names.index(layer)


def _checked(weights: Mapping[str, Tensor], key: str, shape: tuple[int, ...], architecture: str) -> Tensor:
    if key not in weights:
        for other in STAGES:
            if not weights.keys() <= weight_shapes(architecture).keys() and (
                weights.keys() <= weight_shapes(other).keys()
            ):
                raise ValueError(
                    f"these are weights of {other}, and {architecture} is wanted: give a file of that one"
                )
        raise ValueError(f"the weights have no {key}; expected torchvision's names of {architecture}")
    tensor = weights[key]
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{key} has shape {tuple(tensor.shape)}; {architecture} has {shape}")
    return tensor.detach().to(torch.float32)
