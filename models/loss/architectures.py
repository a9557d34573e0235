"""The architectures a loss network can have: names, channels and shapes of their layers."""

from collections.abc import Iterable
from typing import Literal

from allaprima.did_you_mean import suggestion

STAGES = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4), "compact": (2, 2, 3, 3, 1)}
"""Convolutions per stage; a 2x2 max pooling stands between stages (Simonyan and Zisserman 2014)."""

VGG_CHANNELS = (64, 128, 256, 512, 512)
CHANNELS = {"vgg16": VGG_CHANNELS, "vgg19": VGG_CHANNELS, "compact": (24, 48, 80, 128, 128)}
"""Channels per stage."""

Lineage = Literal["original", "torchvision"]
"""Which training the weights come from: Simonyan and Zisserman's own, or torchvision's later one."""

PROJECTED = {"compact": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")}
"""Layers whose features a 1x1 convolution and ReLU bring to VGG-19's; the others serve them only."""


def conv_names(architecture: str) -> list[str]:
    """Return the names of an architecture's 3x3 convolutions (with their ReLU), shallow to deep.

    Raises:
        ValueError: If `architecture` is unknown.
    """
    if architecture not in STAGES:
        raise ValueError(f"unknown loss network {architecture!r}; there are {', '.join(STAGES)}")
    return [f"relu{stage}_{i}" for stage, n in enumerate(STAGES[architecture], 1) for i in range(1, n + 1)]


def layer_names(architecture: str) -> list[str]:
    """Return the names of the layers that can be compared, shallow to deep.

    Raises:
        ValueError: If `architecture` is unknown.
    """
    return list(PROJECTED.get(architecture, conv_names(architecture)))


def check_layers(architecture: str, layers: Iterable[str]) -> None:
    """Raise ValueError, with what there is, if the architecture or one of the layers is unknown."""
    names = layer_names(architecture)
    for layer in layers:
        if layer not in names:
            hint = suggestion(layer, names)
            other = "; --loss-network vgg19 has all of VGG-19's" if architecture in PROJECTED else ""
            raise ValueError(f"unknown layer {layer!r}{hint}; {architecture} has {', '.join(names)}{other}")


def smallest_side(layers: Iterable[str]) -> int:
    """Return the least height and width of a picture of which all these layers leave something."""
    return 1 << (max(int(name[4]) for name in layers) - 1)


def conv_index(architecture: str, name: str) -> int:
    """Return N of `features.N`, the convolution's number as torchvision counts."""
    stage, i = int(name[4]), int(name[6])
    return sum(2 * n + 1 for n in STAGES[architecture][: stage - 1]) + 2 * (i - 1)


def weight_keys(architecture: str, name: str) -> tuple[str, ...]:
    """Return what the convolution below a layer, and the projection after it, are called in a file."""
    keys = [f"features.{conv_index(architecture, name)}"]
    if name in PROJECTED.get(architecture, ()):
        keys.append(f"projections.{name}")
    return tuple(keys)


def weight_shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight and bias by its name in a file."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for name in conv_names(architecture):
        stage = int(name[4]) - 1
        out = CHANNELS[architecture][stage]
        kernels = [(out, channels, 3, 3), (VGG_CHANNELS[stage], out, 1, 1)]
        for key, kernel in zip(weight_keys(architecture, name), kernels, strict=False):
            shapes[f"{key}.weight"] = kernel
            shapes[f"{key}.bias"] = kernel[:1]
        channels = out
    return shapes
