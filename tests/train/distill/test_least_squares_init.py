"""The least-squares start of the compact network."""

import torch
from torch.nn import functional as F

from allaprima.models.loss.architectures import weight_shapes
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss.loss_weights import random_loss_weights
from allaprima.train.distill.feature_errors import errors
from allaprima.train.distill.least_squares_init import (
    fit_convolution,
    least_squares_weights,
    spanning_channels,
)
from allaprima.train.distill.student import LAYERS


def test_a_known_convolution_is_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(9, 4, 20, 24, generator=generator)
    kernel, bias = torch.randn(5, 4, 3, 3, generator=generator), torch.randn(5, generator=generator)
    target = F.conv2d(features, kernel, bias, padding=1)
    found_kernel, found_bias = fit_convolution(features, target, 3, generator)
    torch.testing.assert_close(found_kernel, kernel, rtol=0, atol=2e-3)
    torch.testing.assert_close(found_bias, bias, rtol=0, atol=2e-3)


def test_channels_that_span_the_others_are_chosen() -> None:
    independent = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    a, b, c = independent.unbind(dim=1)
    features = torch.stack([a, a, 0.1 * a, 2 * b, b - a, 0.5 * c], dim=1)
    chosen = spanning_channels(features, 3)
    flat = features.transpose(0, 1).flatten(1)
    rest = flat - flat @ torch.linalg.pinv(flat[chosen]) @ flat[chosen]
    assert rest.abs().max() < 1e-4


def test_the_start_is_close_on_pictures_it_has_not_seen() -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = F.interpolate(torch.rand(20, 3, 12, 12, generator=generator), size=48, mode="bicubic")
    teacher = random_loss_weights("vgg19")
    weights = least_squares_weights(teacher, pictures[:16].clamp(0, 1), generator)
    assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == weight_shapes("compact")
    unseen = pictures[16:].clamp(0, 1)
    compact = LossNetwork("compact", LAYERS, weights)(unseen)
    measured = errors(compact, LossNetwork("vgg19", LAYERS, teacher)(unseen))
    assert float(measured["feature"]["relu1_1"]) < 0.05
    assert max(float(error) for error in measured["feature"].values()) < 0.5
    assert max(float(error) for error in measured["gram"].values()) < 0.2
