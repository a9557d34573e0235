"""The frozen network whose features the losses compare: a VGG, or the compact one that stands in for it."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .architectures import (
    STAGES,
    Lineage,
    check_layers,
    conv_names,
    layer_names,
    smallest_side,
    weight_keys,
    weight_shapes,
)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_LEAST_ORIGINAL_KERNEL = 2.0


class LossNetwork(nn.Module):
    """The convolutional part of a VGG or of the compact network, cut after the deepest layer asked for.

    Its weights are buffers outside the state dict: no optimiser, checkpoint or call
    of `train` can change them. ImageNet's normalisation happens inside.

    Args:
        architecture: `"vgg16"`, `"vgg19"` or `"compact"`.
        layers: Names of the feature maps to return, `"relu1_1"` ... `"relu5_4"`.
        weights: Tensors named as in torchvision, `features.N.weight` and `features.N.bias`; for
            `"compact"` also `projections.LAYER.weight` and `projections.LAYER.bias`.

    Raises:
        ValueError: If the architecture, a layer or the shape of a weight is not the expected
            one, or a weight is missing.
    """

    def __init__(self, architecture: str, layers: Iterable[str], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.architecture = architecture
        self.layers = tuple(layers)
        check_layers(architecture, self.layers)
        names = conv_names(architecture)
        self._names = names[: max(names.index(layer) for layer in self.layers) + 1]
        _refuse_others(weights, architecture)
        expected = weight_shapes(architecture)
        for name in self._names:
            for prefix in weight_keys(architecture, name):
                for kind in ("weight", "bias"):
                    key = f"{prefix}.{kind}"
                    tensor = _checked(weights, key, expected[key], architecture)
                    self.register_buffer(buffer_name(key), tensor, persistent=False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.get_buffer("mean").device
        return device

    @property
    def lineage(self) -> Lineage:
        """Which training the weights come from, or those that the compact network stands in for."""
        return lineage_of(self._weights(weight_keys(self.architecture, "relu1_1")[-1])[0])

    @cached_property
    def fingerprint(self) -> str:
        """A hash of its weights."""
        digest = hashlib.sha256()
        for _, tensor in sorted(self.named_buffers()):
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def forward(self, image: Tensor, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Return feature maps by layer name, computing no deeper than needed.

        Args:
            image: Pictures, `(B, 3, H, W)`, RGB in [0, 1].
            layers: Some of the network's layers; all of them by default.

        Returns:
            One `(B, C, H / 2^s, W / 2^s)` map a layer, s the number of poolings before it, C as in VGG.

        Raises:
            ValueError: If the picture is so small that a pooling leaves nothing, or a layer
                lies outside what the network was built for.
        """
        wanted = set(self.layers if layers is None else layers)
        there = [name for name in layer_names(self.architecture) if name in self._names]
        if unknown := wanted - set(there):
            raise ValueError(f"layers {sorted(unknown)} lie outside this network ({', '.join(there)})")
        self._check_size(image, wanted)
        features: dict[str, Tensor] = {}
        x = (image - self.get_buffer("mean")) / self.get_buffer("std")
        # Here channels last is faster on a CPU too: 1.2 times with VGG-19 and its Gram matrices.
        if x.device.type != "mps":  # pytorch/pytorch#107214: wrong gradients there
            x = x.contiguous(memory_format=torch.channels_last)
        for name in self._names:
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2)
            convolution, *projection = weight_keys(self.architecture, name)
            x = F.relu(F.conv2d(x, *self._weights(convolution), padding=1), inplace=True)
            if name in wanted:
                features[name] = x
                for key in projection:
                    features[name] = F.relu(F.conv2d(x, *self._weights(key)), inplace=True)
                if len(features) == len(wanted):
                    break
        return features

    @property
    def smallest_side(self) -> int:
        """The least height and width of a picture that reaches all of its layers."""
        return smallest_side(self.layers)

    def _weights(self, key: str) -> tuple[Tensor, Tensor]:
        return self.get_buffer(buffer_name(f"{key}.weight")), self.get_buffer(buffer_name(f"{key}.bias"))

    def _check_size(self, image: Tensor, wanted: set[str]) -> None:
        stage = max(int(name[4]) for name in wanted)
        smallest = smallest_side(wanted)
        if min(image.shape[-2:]) < smallest:
            raise ValueError(
                f"picture is {image.shape[-1]}x{image.shape[-2]} pixels; layers of stage {stage} "
                f"need at least {smallest}x{smallest}"
            )


def buffer_name(key: str) -> str:
    """Return what a tensor of a file of weights is called inside the network."""
    return key.replace(".", "_")


def lineage_of(first_kernel: Tensor) -> Lineage:
    """Return the lineage of weights, told from the kernel that makes relu1_1, `(64, C, k, k)`.

    The original network was trained on pictures in 0..255. Brought to pictures in [0, 1] divided by
    ImageNet's deviations its first kernel is about 57 times as large: the mean magnitude is 9.0 for
    VGG-19, and stays well below 1 for a network trained on such pictures from the start.
    """
    magnitude = float(first_kernel.detach().float().abs().mean())
    return "original" if magnitude > _LEAST_ORIGINAL_KERNEL else "torchvision"


def _refuse_others(weights: Mapping[str, Tensor], architecture: str) -> None:
    """Raise ValueError if all names and shapes are those of another architecture."""
    shapes = {key: tuple(tensor.shape) for key, tensor in weights.items()}.items()
    if shapes <= weight_shapes(architecture).items():
        return
    for other in STAGES:
        if shapes <= weight_shapes(other).items():
            raise ValueError(
                f"these are weights of {other}, and {architecture} is wanted: give a file of that one, "
                f"or train with --loss-network {other}"
            )


def _checked(weights: Mapping[str, Tensor], key: str, shape: tuple[int, ...], architecture: str) -> Tensor:
    if key not in weights:
        raise ValueError(f"the weights have no {key}; expected the names of {architecture}'s")
    tensor = weights[key]
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{key} has shape {tuple(tensor.shape)}; {architecture} has {shape}")
    if not tensor.is_floating_point():
        raise ValueError(f"{key} is {tensor.dtype}; expected floats")
    tensor = tensor.detach().to(torch.float32)
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
