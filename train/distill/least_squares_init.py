"""A compact network found by least squares: a chosen few of VGG-19's channels, fitted layer by layer.

He et al. 2017 ("Channel pruning for accelerating very deep neural networks") choose channels and then
fit the next layer's kernel to reproduce its output; here the kernel sees the features of the compact
network itself, so that each layer makes up for the errors of those before it.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from allaprima.models.loss.architectures import CHANNELS, conv_names, weight_keys
from allaprima.models.loss.loss_network import IMAGENET_MEAN, IMAGENET_STD
from allaprima.train.ridge_regression import ridge_regression

POSITIONS = 40_000
"""Positions of feature maps that a kernel is fitted to; its up to 1,153 numbers a channel need fewer."""

RIDGE = 1e-4
_PICTURES_AT_ONCE = 8


@torch.no_grad()
def least_squares_weights(
    teacher: Mapping[str, Tensor], pictures: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return weights of the compact network that reproduce VGG-19's features on some pictures.

    Args:
        teacher: VGG-19's weights, by torchvision's names.
        pictures: What to fit to, `(B, 3, H, W)`, RGB in [0, 1]; a hundred are enough.
        generator: Draws the positions that are fitted to.
    """
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    compact = vgg19 = (pictures - mean) / std
    kept = conv_names("compact")
    weights: dict[str, Tensor] = {}
    for name in conv_names("vgg19"):
        if name.endswith("_1") and name != "relu1_1":
            compact, vgg19 = F.max_pool2d(compact, 2), F.max_pool2d(vgg19, 2)
        vgg19 = _convolved(vgg19, teacher, *weight_keys("vgg19", name))
        if name in kept:
            key, *projection = weight_keys("compact", name)
            chosen = spanning_channels(F.relu(vgg19), CHANNELS["compact"][int(name[4]) - 1])
            scale = F.relu(vgg19[:, chosen]).square().mean(dim=(0, 2, 3), keepdim=True).sqrt()
            weights |= _fitted(key, compact, vgg19[:, chosen] / scale.clamp_min(1e-6), 3, generator)
            compact = F.relu(_convolved(compact, weights, key))
            for key in projection:
                weights |= _fitted(key, compact, F.relu(vgg19), 1, generator)
        vgg19 = F.relu(vgg19, inplace=True)
        if name == kept[-1]:
            break
    return weights


def spanning_channels(features: Tensor, count: int) -> list[int]:
    """Return the channels from which the others can best be had by linear combination.

    Greedy: each choice takes away the most of what is left of the second moments of all channels.

    Args:
        features: Feature maps, `(B, C, H, W)`.
        count: How many to choose, at most C.
    """
    flat = features.transpose(0, 1).flatten(1)
    flat = flat[:, :: max(1, flat.shape[1] // POSITIONS)]
    rest = (flat @ flat.T / flat.shape[1]).double()
    least = 1e-9 * float(rest.diagonal().max())
    chosen: list[int] = []
    for _ in range(count):
        explained = rest.square().sum(dim=1) / rest.diagonal().clamp_min(least)
        explained[chosen] = -1.0
        best = int(explained.argmax())
        chosen.append(best)
        rest = rest - torch.outer(rest[:, best], rest[best]) / rest[best, best].clamp_min(least)
    return chosen


def fit_convolution(
    features: Tensor, target: Tensor, kernel_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the kernel `(K, C, k, k)` and bias `(K,)` that bring features closest to a target.

    Args:
        features: What is convolved, with zeros around, `(B, C, H, W)`.
        target: What should come out, `(B, K, H, W)`.
        kernel_size: k, odd.
        generator: Draws the positions that count.
    """
    equations = _drawn(features, target, kernel_size, generator)
    solution = ridge_regression(equations, RIDGE).float().T  # (K, C k k + 1)
    kernel, bias = solution[:, :-1], solution[:, -1]
    return kernel.reshape(-1, features.shape[1], kernel_size, kernel_size).contiguous(), bias.clone()


def _drawn(
    features: Tensor, target: Tensor, kernel_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what a kernel sees at drawn positions, `(N, C k k + 1)`, 1 for the bias, and the target there."""
    positions = max(1, POSITIONS // len(features))
    for part, wanted in zip(_parts(features), _parts(target), strict=True):
        drawn = torch.randperm(part.shape[2] * part.shape[3], generator=generator)[:positions]
        patches = F.unfold(part, kernel_size, padding=kernel_size // 2)[..., drawn]  # (b, C k k, p)
        rows = F.pad(patches.transpose(1, 2).flatten(0, 1), (0, 1), value=1.0)  # (b p, C k k + 1)
        yield rows.double(), wanted.flatten(2)[..., drawn].transpose(1, 2).flatten(0, 1).double()


def _fitted(
    key: str, features: Tensor, target: Tensor, kernel_size: int, generator: torch.Generator
) -> dict[str, Tensor]:
    kernel, bias = fit_convolution(features, target, kernel_size, generator)
    return {f"{key}.weight": kernel, f"{key}.bias": bias}


def _convolved(x: Tensor, weights: Mapping[str, Tensor], key: str) -> Tensor:
    kernel, bias = weights[f"{key}.weight"].float(), weights[f"{key}.bias"].float()
    padding = kernel.shape[-1] // 2
    return torch.cat([F.conv2d(part, kernel, bias, padding=padding) for part in _parts(x)])


def _parts(x: Tensor) -> tuple[Tensor, ...]:
    return torch.split(x, _PICTURES_AT_ONCE)
