from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss_description import LossWeights
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.objective.calibration import (
    STAGE_SHARES,
    calibrate,
    moments,
    style_shares,
    unpaired_distance,
)
from allaprima.train.objective.perceptual_loss import LossFormula, PerceptualLoss, style_targets
from allaprima.train.objective.style_losses import StyleLoss

STYLE_LAYERS = ("relu1_1", "relu2_1")
WEIGHTS = LossWeights(content={"relu2_1": 2.0}, style={"relu1_1": 3.0, "relu2_1": 5.0}, tv=7.0)


@pytest.fixture
def loss_network(small_weights: dict[str, Tensor]) -> LossNetwork:
    return LossNetwork("vgg19", STYLE_LAYERS, small_weights)


@pytest.fixture
def loss(loss_network: LossNetwork) -> PerceptualLoss:
    torch.manual_seed(1)
    return PerceptualLoss(
        loss_network, style_targets(loss_network, torch.rand(1, 3, 40, 32), STYLE_LAYERS), WEIGHTS
    )


def test_all_of_it_is_where_its_loss_network_is(small_weights: dict[str, Tensor]) -> None:
    """Image optimisation and evaluation move the loss network alone."""
    loss_network = LossNetwork("vgg19", STYLE_LAYERS, small_weights).to("meta")
    targets = {layer: torch.empty(1, 4, 4, device="meta") for layer in STYLE_LAYERS}
    loss = PerceptualLoss(loss_network, targets, WEIGHTS)
    assert {buffer.device.type for buffer in loss.buffers()} == {"meta"}


Array = NDArray[np.float64]
NumpyFeatures = Callable[[Array], dict[str, Array]]


def numpy_gram(features: Array) -> Array:
    channels, height, width = features.shape
    flat = features.reshape(channels, -1)
    gram: Array = flat @ flat.T / (channels * height * width)
    return gram


def test_terms_equal_an_independent_float64_computation(
    loss: PerceptualLoss, numpy_features: NumpyFeatures
) -> None:
    torch.manual_seed(1)
    style = torch.rand(1, 3, 40, 32)[0].double().numpy()
    stylized, content = torch.rand(2, 3, 16, 20), torch.rand(2, 3, 16, 20)
    terms = loss(stylized, content)
    expected = {"content": 0.0, "style": 0.0, "tv": 0.0}
    targets = {layer: numpy_gram(f) for layer, f in numpy_features(style).items()}
    for y, x in zip(stylized.double().numpy(), content.double().numpy(), strict=True):
        of_y, of_x = numpy_features(y), numpy_features(x)
        expected["content"] += 2.0 * ((of_y["relu2_1"] - of_x["relu2_1"]) ** 2).mean() / 2
        for layer, weight in WEIGHTS.style.items():
            expected["style"] += weight * ((numpy_gram(of_y[layer]) - targets[layer]) ** 2).mean() / 2
        differences = (np.diff(y, axis=1) ** 2).mean() + (np.diff(y, axis=2) ** 2).mean()
        expected["tv"] += 7.0 * differences / 2
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-4), name
    assert terms["total"].item() == pytest.approx(sum(expected.values()), rel=1e-4)


def test_only_total_variation_is_left_where_style_and_photograph_are_one(loss: PerceptualLoss) -> None:
    targets = style_targets(loss.loss_network, (style := torch.rand(1, 3, 16, 16)), STYLE_LAYERS)
    terms = PerceptualLoss(loss.loss_network, targets, WEIGHTS)(style, style)
    assert terms["content"].item() == 0
    assert terms["style"].item() == pytest.approx(0, abs=1e-9)
    assert terms["total"].item() == pytest.approx(terms["tv"].item())
    assert terms["tv"].item() > 0


def test_gradient_reaches_the_transformer_and_nothing_else(loss: PerceptualLoss) -> None:
    network = TransformerNetwork(width=4, residual_blocks=1)
    content = torch.rand(1, 3, 16, 16, requires_grad=True)
    loss(network(content.detach()), content)["total"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters() if p.ndim == 4)
    assert content.grad is None
    assert list(loss.parameters()) == []
    assert not any(buffer.requires_grad for buffer in loss.buffers())


def test_scales_keep_the_mean_of_a_picture_and_its_halves(loss_network: LossNetwork) -> None:
    style = torch.rand(1, 3, 128, 96)
    half = F.interpolate(style, scale_factor=0.5, mode="bilinear", antialias=True)
    whole, smaller = (style_targets(loss_network, image, STYLE_LAYERS) for image in (style, half))
    both = style_targets(loss_network, style, STYLE_LAYERS, scales=2)
    for layer in STYLE_LAYERS:
        assert not torch.allclose(whole[layer], smaller[layer], rtol=1e-2)
        torch.testing.assert_close(both[layer], (whole[layer] + smaller[layer]) / 2)
    too_many = style_targets(loss_network, style, STYLE_LAYERS, scales=4)  # as style files of before may say
    assert all(torch.equal(too_many[layer], both[layer]) for layer in STYLE_LAYERS)


def test_calibration_measures_style_from_all_scales(loss_network: LossNetwork) -> None:
    style, photographs = torch.rand(1, 3, 128, 128), 0.5 + 0.1 * torch.rand(2, 3, 64, 64)
    weights = calibrate(
        loss_network,
        style,
        [photographs],
        content_layers=["relu2_1"],
        style_layers=["relu2_1"],
        strength=1,
        scales=2,
    )
    targets = style_targets(loss_network, style, ["relu2_1"], scales=2)
    untouched = PerceptualLoss(loss_network, targets, weights)(photographs, photographs)
    assert untouched["style"].item() == pytest.approx(style_shares(["relu2_1"])["relu2_1"], rel=1e-4)


def test_nothing_of_the_loss_enters_a_checkpoint(loss: PerceptualLoss) -> None:
    assert loss.state_dict() == {}


def test_calibration_sets_photograph_and_style_to_the_ends_of_the_scale(loss_network: LossNetwork) -> None:
    torch.manual_seed(0)
    style, photographs = torch.rand(1, 3, 64, 64), 0.5 + 0.1 * torch.rand(3, 3, 64, 64)
    weights, doubled = (
        calibrate(
            loss_network,
            style,
            [photographs],
            content_layers=["relu2_1"],
            style_layers=STYLE_LAYERS,
            strength=strength,
        )
        for strength in (1.0, 2.0)
    )
    loss = PerceptualLoss(loss_network, style_targets(loss_network, style, STYLE_LAYERS), weights)
    untouched = loss(photographs, photographs)
    assert untouched["content"].item() == 0
    for layer in STYLE_LAYERS:
        assert doubled.style[layer] == pytest.approx(2 * weights.style[layer])
        alone = LossWeights(weights.content, {layer: weights.style[layer]}, 0.0)
        targets = style_targets(loss_network, style, [layer])
        of_photographs = PerceptualLoss(loss_network, targets, alone)(photographs, photographs)
        assert of_photographs["style"].item() == pytest.approx(style_shares(STYLE_LAYERS)[layer], rel=1e-4)
    style_only = loss(style.expand(3, 3, 64, 64), photographs)
    assert style_only["style"].item() == pytest.approx(0, abs=1e-6)
    assert style_only["content"].item() == pytest.approx(1, rel=0.05)


def test_unpaired_distance_is_the_expected_squared_difference() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(1, 4, 200, 200) + 1, 2 * torch.randn(1, 4, 200, 200) - 1
    expected = (x - y).square().mean()
    assert unpaired_distance(moments(x), moments(y)).item() == pytest.approx(expected.item(), rel=0.02)


def test_style_layers_share_what_their_stage_counts() -> None:
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    assert list(style_shares(layers).values()) == pytest.approx(list(STAGE_SHARES.values()))
    two_of_a_stage = style_shares(("relu3_1", "relu3_3", "relu4_1"))
    assert two_of_a_stage["relu3_1"] == two_of_a_stage["relu3_3"]
    assert sum(two_of_a_stage.values()) == pytest.approx(sum(STAGE_SHARES.values()))
    ratio = two_of_a_stage["relu4_1"] / (2 * two_of_a_stage["relu3_1"])
    assert ratio == pytest.approx(STAGE_SHARES[4] / STAGE_SHARES[3])


def test_a_style_loss_that_is_no_gram_matrix_is_calibrated_like_any_other(loss_network: LossNetwork) -> None:
    """Mean and standard deviation of each channel, as in Li et al. 2017, eq. 7."""

    def statistics(features: Tensor, weights: Tensor | None = None) -> Tensor:
        assert weights is None  # the style picture is opaque
        std, mean = torch.std_mean(features.float(), dim=(2, 3), correction=0)
        return torch.cat([mean, std], dim=1)  # (B, 2 C)

    def distance(features: Tensor, target: Tensor, pixels: int) -> Tensor:
        return (statistics(features) - target).square().mean()

    torch.manual_seed(0)
    style, photographs = torch.rand(1, 3, 64, 64), 0.5 + 0.1 * torch.rand(3, 3, 64, 64)
    formula = LossFormula(style=StyleLoss(statistics, distance))
    weights = calibrate(
        loss_network,
        style,
        [photographs],
        content_layers=["relu2_1"],
        style_layers=STYLE_LAYERS,
        strength=1,
        formula=formula,
    )
    targets = style_targets(loss_network, style, STYLE_LAYERS, formula.style)
    assert targets["relu1_1"].shape == (1, 2 * 64)
    loss = PerceptualLoss(loss_network, targets, weights, formula)
    expected = sum(style_shares(STYLE_LAYERS).values())
    assert loss(photographs, photographs)["style"].item() == pytest.approx(expected, rel=1e-4)
    assert loss(style, style)["style"].item() == pytest.approx(0, abs=1e-6)
    features = loss_network(photographs, ["relu2_1"])["relu2_1"].double().numpy()
    of_style = loss_network(style, ["relu2_1"])["relu2_1"].double().numpy()
    means, deviations = (f(features, axis=(2, 3)) - f(of_style, axis=(2, 3)) for f in (np.mean, np.std))
    independent = (np.concatenate([means, deviations], axis=1) ** 2).mean()
    assert weights.style["relu2_1"] * independent == pytest.approx(
        style_shares(STYLE_LAYERS)["relu2_1"], rel=1e-4
    )
