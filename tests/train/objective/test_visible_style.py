"""A style picture that is transparent in part counts where it is seen, and nowhere else."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from allaprima.images.tensors import to_image
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.train.objective.calibration import calibrate, moments
from allaprima.train.objective.gram_matrix import gram_matrix
from allaprima.train.objective.perceptual_loss import style_targets
from allaprima.train.objective.prepare_objective import build_loss
from allaprima.train.objective.visible_style import position_weights, seen_of
from allaprima.train.settings.config import LossSettings
from allaprima.train.settings.loss_presets import PresetName
from tests.conftest import paint

LAYERS = ("relu1_1", "relu2_1")
Array = NDArray[np.float64]


@pytest.fixture
def loss_network(small_weights: dict[str, Tensor]) -> LossNetwork:
    return LossNetwork("vgg19", LAYERS, small_weights)


def painting(height: int = 97, width: int = 110) -> Tensor:
    return to_image(np.asarray(paint(height, width, seed=7)))


def disc(height: int = 97, width: int = 110, hidden: int = 0) -> Tensor:
    """A disc of `painting` with a soft edge, `(1, 4, H, W)`, on hidden noise that a seed decides."""
    under = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(hidden))
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    distance = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2).sqrt()
    opacity = (0.4 * height - distance).clamp(0, 1)[None, None]
    return torch.cat([torch.where(opacity > 0, painting(height, width), under), opacity], dim=1)


def test_weighted_gram_and_moments_equal_numpy_in_float64() -> None:
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(1, 3, 4, 5)), rng.uniform(size=(1, 1, 4, 5))
    weights /= weights.mean()
    expected = np.einsum("bihw,bjhw,bkhw->bij", features, features, weights) / (3 * 4 * 5)
    given = torch.from_numpy(features), torch.from_numpy(weights)
    np.testing.assert_allclose(gram_matrix(*given).numpy(), expected, rtol=1e-12)
    mean, square = moments(*given)
    total = weights.sum()
    np.testing.assert_allclose(mean, (features * weights).sum(axis=(0, 2, 3)) / total, rtol=1e-6)
    np.testing.assert_allclose(square, (features**2 * weights).sum(axis=(0, 2, 3)) / total, rtol=1e-6)


def test_targets_equal_an_independent_float64_computation(
    loss_network: LossNetwork, numpy_features: Callable[[Array], dict[str, Array]]
) -> None:
    style = disc(96, 112)
    image, opacity = style[0, :3].double().numpy(), style[0, 3].double().numpy()
    mean = (image * opacity).sum(axis=(1, 2)) / opacity.sum()
    features = numpy_features(image * opacity + mean[:, None, None] * (1 - opacity))
    counts = {"relu1_1": opacity, "relu2_1": opacity.reshape(48, 2, 56, 2).mean(axis=(1, 3))}
    for layer, target in style_targets(loss_network, style, LAYERS).items():
        maps, count = features[layer], counts[layer]
        expected = np.einsum("ihw,jhw,hw->ij", maps, maps, count) / (len(maps) * count.sum())
        np.testing.assert_allclose(target[0].numpy(), expected, rtol=1e-4, atol=1e-6 * expected.max())


@pytest.mark.parametrize("scales", [1, 2])
def test_opacity_everywhere_is_none(loss_network: LossNetwork, scales: int) -> None:
    style = torch.rand(1, 3, 130, 90)
    opaque = torch.cat([style, torch.ones(1, 1, 130, 90)], dim=1)
    plain, with_opacity = (
        style_targets(loss_network, image, LAYERS, scales=scales) for image in (style, opaque)
    )
    for layer in LAYERS:
        assert torch.equal(plain[layer], with_opacity[layer])


@pytest.mark.parametrize("scales", [1, 2])
@pytest.mark.parametrize("preset", [None, *get_args(PresetName)])
def test_hidden_pixels_leave_no_trace_in_any_objective(
    loss_network: LossNetwork, preset: Any, scales: int
) -> None:
    layers = {"content_layers": ("relu2_1",), "style_layers": LAYERS, "style_scales": scales}
    settings = LossSettings(loss_preset=preset, **layers)
    photographs, painted = torch.rand(2, 3, 40, 48), torch.rand(2, 3, 40, 48)
    losses = [
        build_loss(settings, loss_network, disc(hidden=hidden), photographs=[photographs])
        for hidden in (1, 2)
    ]
    assert losses[0].weights == losses[1].weights
    first, second = (loss(painted, photographs) for loss in losses)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_a_shape_has_the_statistics_of_what_it_was_cut_from(loss_network: LossNetwork) -> None:
    style = disc()
    image, opacity = style[:, :3], style[:, 3:]
    found, on_white = (
        style_targets(loss_network, picture, LAYERS) for picture in (style, image * opacity + 1 - opacity)
    )
    for layer, features in loss_network(painting(), LAYERS).items():
        inside = gram_matrix(features, position_weights(opacity, features))
        error, naive = (float((gram[layer] - inside).norm() / inside.norm()) for gram in (found, on_white))
        assert error < 0.05 < naive, layer


def test_calibration_sees_what_is_seen(loss_network: LossNetwork) -> None:
    """A content loss of 1 is the difference to the style picture, without what is transparent of it."""
    photographs = [to_image(np.asarray(paint(48, 48, seed=2)))]
    options: Any = {"content_layers": ["relu2_1"], "style_layers": LAYERS, "strength": 1}
    square = torch.zeros(1, 4, 96, 96)
    square[:, :3, 32:64, 32:64] = painting(32, 32)
    square[:, 3, 32:64, 32:64] = 1
    alone, in_the_middle = (
        calibrate(loss_network, style, photographs, **options).content["relu2_1"]
        for style in (square[:, :3, 32:64, 32:64], square)
    )
    on_black = calibrate(loss_network, square[:, :3], photographs, **options).content["relu2_1"]
    assert abs(in_the_middle / alone - 1) < 0.03 < abs(on_black / alone - 1)


def test_nothing_to_see_has_no_statistics() -> None:
    style = disc()
    style[:, 3] = 0
    with pytest.raises(ValueError, match="nothing can be seen of the style picture"):
        seen_of(style)
