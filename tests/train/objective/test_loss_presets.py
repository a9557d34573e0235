"""Each preset against what its source writes, computed anew in float64."""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from allaprima.train.objective.gram_matrix import gram_matrix
from allaprima.train.objective.prepare_objective import build_loss, load_loss_network
from allaprima.train.objective.preset_formulas import FORMULAS
from allaprima.train.settings.config import LossSettings
from allaprima.train.settings.loss_presets import PRESETS, PresetName
from allaprima.train.settings.parsing import ConfigError, load_config

Array = NDArray[np.float64]
NumpyFeatures = Callable[[Array], dict[str, Array]]
STYLE = ("relu1_1", "relu2_1")
SMALL_LAYERS: dict[str, Any] = {"content_layers": ("relu2_1",), "style_layers": STYLE}
TERMS = ("content", "style", "tv")


def summed_gram(features: Array) -> Array:
    flat = features.reshape(len(features), -1)
    gram: Array = flat @ flat.T
    return gram


def neighbour_differences(image: Array) -> tuple[Array, Array]:
    """Squared differences to the lower and the right neighbour, without the last row and column."""
    corner = image[:, :-1, :-1]
    return (corner - image[:, 1:, :-1]) ** 2, (corner - image[:, :-1, 1:]) ** 2


def sum_of_squares(one: Array, other: Array) -> float:
    return float(((one - other) ** 2).sum())


def mean_of_squares(one: Array, other: Array) -> float:
    return float(((one - other) ** 2).mean())


def seed_style(style: Array, combination: Array, pixels: int) -> float:
    difference = summed_gram(style) - summed_gram(combination)
    return float((difference**2).sum() / (4.0 * 3**2 * pixels**2))


def gatys_style(style: Array, combination: Array, pixels: int) -> float:
    channels, height, width = style.shape
    difference = summed_gram(style) - summed_gram(combination)
    return float((difference**2).sum() / (4.0 * channels**2 * (height * width) ** 2))


def normalized_style(style: Array, combination: Array, pixels: int) -> float:
    one, other = summed_gram(style) / style.size, summed_gram(combination) / combination.size
    return float(((one - other) ** 2).mean())


def no_variation(image: Array) -> float:
    return 0.0


def powered(image: Array) -> float:
    a, b = neighbour_differences(255 * image)
    return float(((a + b) ** 1.25).sum())


def halved(image: Array) -> float:
    a, b = neighbour_differences(255 * image)
    return float(0.5 * (a.sum() + b.sum()))


def means(image: Array) -> float:
    return float((np.diff(255 * image, axis=1) ** 2).mean() + (np.diff(255 * image, axis=2) ** 2).mean())


@dataclass(frozen=True)
class Definition:
    """A preset as its source states it."""

    network: str
    content_layer: str
    style_layers: tuple[str, ...]
    content: Callable[[Array, Array], float]
    style: Callable[[Array, Array, int], float]
    variation: Callable[[Array], float]
    weights: tuple[float, float, float]


FIRST = tuple(f"relu{stage}_1" for stage in range(1, 6))
LAST = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
DEFINITIONS = {
    "chollet": Definition(
        "vgg19", "relu5_2", FIRST, sum_of_squares, seed_style, powered, (0.025, 1.0 / 5, 1e-4)
    ),
    "chollet2": Definition(
        "vgg19", "relu5_2", FIRST, sum_of_squares, seed_style, powered, (2.5e-8, 1e-6 / 5, 1e-6)
    ),
    "johnson": Definition("vgg16", "relu3_3", LAST, mean_of_squares, normalized_style, halved, (1, 5, 1e-6)),
    "pytorch-examples": Definition(
        "vgg16", "relu2_2", LAST, mean_of_squares, normalized_style, no_variation, (1e5, 1e10, 0)
    ),
    "gatys": Definition(
        "vgg19", "relu4_2", FIRST, sum_of_squares, gatys_style, no_variation, (0.5e-3, 1.0 / 5, 0)
    ),
    "lengstrom": Definition(
        "vgg19", "relu4_2", FIRST, mean_of_squares, normalized_style, means, (7.5, 100, 200)
    ),
}


def test_every_preset_is_defined_and_offered() -> None:
    assert set(PRESETS) == set(FORMULAS) == set(get_args(PresetName)) == set(DEFINITIONS)
    assert all(make().source for make in PRESETS.values())


@pytest.mark.parametrize("name", DEFINITIONS)
def test_layers_and_weights_are_those_of_the_source(name: PresetName) -> None:
    recipe, definition = PRESETS[name](), DEFINITIONS[name]
    assert recipe.loss_network == definition.network
    assert recipe.content_layers == (definition.content_layer,)
    assert recipe.style_layers == definition.style_layers
    weights = (recipe.content_weight, recipe.style_weight, recipe.tv_weight)
    assert weights == pytest.approx(definition.weights)
    assert recipe.lineage == ("torchvision" if name == "pytorch-examples" else "original")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_formulas_on_feature_maps(name: PresetName) -> None:
    formula, definition = FORMULAS[name], DEFINITIONS[name]
    rng = np.random.default_rng(0)
    one, other = rng.normal(1, 1, (2, 6, 5, 7)), rng.normal(0, 1, (2, 6, 5, 7))
    style = rng.normal(0, 1, (1, 6, 5, 7))
    image = rng.uniform(size=(2, 3, 10, 14))
    tensors = [torch.from_numpy(array) for array in (one, other, style, image)]
    content = formula.content(tensors[0], tensors[1])
    assert content.item() == pytest.approx(
        np.mean([definition.content(a, b) for a, b in zip(one, other, strict=True)]), rel=1e-6
    )
    gram_loss = formula.style.distance(tensors[0], gram_matrix(tensors[2]), 140)
    assert gram_loss.item() == pytest.approx(
        np.mean([definition.style(style[0], a, 140) for a in one]), rel=1e-6
    )
    if definition.weights[2]:
        variation = formula.variation(formula.white * tensors[3])
        assert variation.item() == pytest.approx(np.mean([definition.variation(x) for x in image]), rel=1e-5)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_terms_of_whole_pictures(
    name: PresetName, small_weights_file: Path, numpy_features: NumpyFeatures
) -> None:
    """Pictures through a small network, to the terms, in one batch of two."""
    settings = LossSettings(loss_preset=name, loss_weights=small_weights_file, **SMALL_LAYERS)
    generator = torch.Generator().manual_seed(3)
    stylized = torch.rand(2, 3, 16, 20, generator=generator)
    content = torch.rand(2, 3, 16, 20, generator=generator)
    style = torch.rand(1, 3, 16, 20, generator=generator)
    terms = build_loss(settings, load_loss_network(settings), style)(stylized, content)

    definition = DEFINITIONS[name]
    expected = dict.fromkeys(TERMS, 0.0)
    of_style = numpy_features(style[0].double().numpy())
    for y, x in zip(stylized.double().numpy(), content.double().numpy(), strict=True):
        of_y, of_x = numpy_features(y), numpy_features(x)
        expected["content"] += (
            definition.weights[0] * definition.content(of_y["relu2_1"], of_x["relu2_1"]) / 2
        )
        for layer in STYLE:
            distance = definition.style(of_style[layer], of_y[layer], 16 * 20)
            expected["style"] += definition.weights[1] * distance / 2
        expected["tv"] += definition.weights[2] * definition.variation(y) / 2
    for term, value in expected.items():
        assert terms[term].item() == pytest.approx(value, rel=1e-4), term
    assert terms["total"].item() == pytest.approx(sum(expected.values()), rel=1e-4)


@pytest.mark.parametrize("name", ["chollet", "gatys"])
def test_a_larger_style_picture_counts_like_one_of_the_pictures_size(name: PresetName) -> None:
    formula = FORMULAS[name]
    features, style = torch.rand(1, 4, 6, 6), torch.rand(1, 4, 6, 6)
    tiled = style.tile(1, 1, 2, 3)
    same, larger = (formula.style.distance(features, gram_matrix(x), 144) for x in (style, tiled))
    assert larger.item() == pytest.approx(same.item(), rel=1e-5)


def test_how_the_seeds_balance_moves_with_picture_size() -> None:
    """Twice the side: four times the content and about four times the variation, the same style."""
    formula = FORMULAS["chollet"]
    torch.manual_seed(0)
    features, target, image = torch.rand(1, 4, 12, 12), torch.rand(1, 4, 12, 12), torch.rand(1, 3, 48, 48)
    large, large_target, large_image = (x.tile(1, 1, 2, 2) for x in (features, target, image))
    content = formula.content(large, large_target) / formula.content(features, target)
    style = formula.style.distance(large, gram_matrix(target), 96**2) / formula.style.distance(
        features, gram_matrix(target), 48**2
    )
    assert content.item() == pytest.approx(4)
    assert style.item() == pytest.approx(1)
    assert (formula.variation(large_image) / formula.variation(image)).item() == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_gradient_is_finite_where_the_picture_is_flat(name: PresetName, small_weights_file: Path) -> None:
    settings = LossSettings(loss_preset=name, loss_weights=small_weights_file, **SMALL_LAYERS)
    flat = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    loss = build_loss(settings, load_loss_network(settings), torch.rand(1, 3, 16, 16))
    loss(flat, flat.detach())["total"].backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_explicit_settings_win_and_are_reported(
    small_weights_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = LossSettings(
        loss_preset="johnson", content_weight=3, strength=2, loss_weights=small_weights_file, **SMALL_LAYERS
    )
    assert (settings.content_weight, settings.style_weight, settings.tv_weight) == (3, 5, 1e-6)
    assert (settings.loss_network, settings.style_size) == ("vgg16", 256)
    with caplog.at_level(logging.WARNING):
        load_loss_network(settings)
    messages = "\n".join(caplog.messages)
    assert "loss_preset johnson: content_weight is 3.0 instead of 1.0" in messages
    assert "content_layers is ('relu2_1',) instead of ('relu3_3',)" in messages
    assert "strength 2 has no effect" in messages
    assert "style_weight" not in messages


def test_weights_left_open_are_the_presets() -> None:
    settings = LossSettings(loss_preset="lengstrom", content_weight=None, tv_weight=None)
    assert (settings.content_weight, settings.tv_weight) == (7.5, 200)


def test_a_preset_on_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    path.write_text("loss_network: vgg19\nstyle_layers: [relu1_1]\ncrop_size: 64\n")
    config = load_config(path, {"loss_preset": "johnson", "content_weight": 2})
    assert (config.loss_network, len(config.style_layers)) == ("vgg16", 4)
    assert (config.content_weight, config.crop_size) == (2, 64)
    path.write_text("loss_preset: johnson\nstyle_layers: [relu1_1]\n")
    assert load_config(path, {"loss_preset": "johnson"}).style_layers == ("relu1_1",)


@pytest.mark.parametrize(("typed", "suggested"), [("jonson", "johnson"), ("lengstorm", "lengstrom")])
def test_unknown_presets_are_named_with_a_suggestion(typed: str, suggested: str) -> None:
    with pytest.raises(ConfigError, match=rf"loss_preset is '{typed}'.*\(did you mean {suggested}\?\)"):
        load_config(None, {"loss_preset": typed})


def test_weights_of_another_lineage_are_said_and_used(
    small_weights: dict[str, Tensor], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large = {**small_weights, "features.0.weight": 57 * small_weights["features.0.weight"]}
    save_file(large, tmp_path / "original.safetensors")
    save_file(small_weights, tmp_path / "later.safetensors")
    for preset, file, message in (
        ("lengstrom", "later", "are torchvision's and the preset was tuned with the original ones"),
        ("pytorch-examples", "original", "are original and the preset was tuned with torchvision's ones"),
        ("lengstrom", "original", ""),
        ("pytorch-examples", "later", ""),
    ):
        caplog.clear()
        load_loss_network(
            LossSettings.model_validate(
                {"loss_preset": preset, "loss_weights": tmp_path / f"{file}.safetensors", **SMALL_LAYERS}
            )
        )
        warnings = [text for text in caplog.messages if "weights of the loss network" in text]
        assert (message in warnings[0]) if message else not warnings


@pytest.mark.shared
def test_lengstrom_equals_the_yardstick(shared: Path, tmp_path: Path) -> None:
    """The quality bar's objective, computed by its own tool and by ours on the same pictures."""
    spec = importlib.util.spec_from_file_location("yardstick", shared / "tools" / "yardstick.py")
    assert spec is not None
    assert spec.loader is not None
    yardstick = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(yardstick)
    folders = [tmp_path / "content", tmp_path / "output"]
    style_path = tmp_path / "style.png"
    pictures = []
    for folder, blur in zip(folders, (0, 40), strict=True):
        folder.mkdir()
        with Image.open(shared / "data" / "peer-bar" / "content" / "golden_gate.png") as picture:
            small = picture.convert("RGB").resize((130, 97))
        image = np.asarray(small).astype(np.int64)
        image = np.clip(image + np.random.default_rng(0).integers(-blur, blur + 1, image.shape), 0, 255)
        Image.fromarray(image.astype(np.uint8)).save(folder / "one.png")
        pictures.append(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
    with Image.open(shared / "data" / "peer-bar" / "styles" / "wave.jpg") as picture:
        style = picture.convert("RGB").resize((160, 88))
    style.save(style_path)
    expected = yardstick.score(style_path, *folders)["one"]

    settings = LossSettings(
        loss_preset="lengstrom", loss_weights=shared / "weights" / "vgg19-features-fp16.safetensors"
    )
    network = load_loss_network(settings)
    assert network.lineage == "original"
    style_image = torch.from_numpy(np.array(style)).permute(2, 0, 1)[None].float() / 255
    terms = build_loss(settings, network, style_image)(pictures[1], pictures[0])
    for name, value in zip(TERMS, expected, strict=True):
        assert terms[name].item() == pytest.approx(float(value), rel=1e-4), name


def test_settings_say_how_many_sizes_of_the_style_picture_count(small_weights_file: Path) -> None:
    style = torch.rand(1, 3, 128, 128)
    one = LossSettings(
        loss_weights=small_weights_file, content_layers=("relu2_1",), style_layers=("relu2_1",)
    )
    two = one.model_copy(update={"style_scales": 2})
    network = load_loss_network(one)
    photographs = [torch.rand(1, 3, 64, 64)]
    first, second = (
        build_loss(settings, network, style, photographs=photographs).target("relu2_1")
        for settings in (one, two)
    )
    assert not torch.allclose(first, second, rtol=1e-3)
