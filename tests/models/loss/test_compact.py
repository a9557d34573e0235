"""The compact loss network: its file, its features, its messages."""

import json
import tomllib
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from allaprima.images.tensors import to_image
from allaprima.models.loss import compact
from allaprima.models.loss.architectures import conv_names, layer_names, weight_shapes
from allaprima.models.loss.compact import EMBEDDED, METADATA_KEY, embedded_weights, read_compact, save_compact
from allaprima.models.loss.loss_network import IMAGENET_MEAN, IMAGENET_STD, LossNetwork
from allaprima.models.loss.loss_weights import load_loss_weights, random_loss_weights
from allaprima.train.distill.feature_errors import errors
from allaprima.train.style_picture import read_style_picture

ROOT = Path(__file__).parents[3]
VGG_CHANNELS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu4_2": 512, "relu5_1": 512}


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return random_loss_weights("compact")


def test_features_are_projections_of_a_narrow_network(weights: dict[str, Tensor]) -> None:
    image = torch.rand(2, 3, 48, 32)
    features_by_layer = LossNetwork("compact", layer_names("compact"), weights)(image)
    x = (image - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    convolutions = [key.removesuffix(".weight") for key in weights if key.startswith("features")]
    convolutions = [key.removesuffix(".bias") for key in convolutions]
    for name, key in zip(conv_names("compact"), dict.fromkeys(convolutions), strict=True):
        if name.endswith("_1") and name != "relu1_1":
            x = F.max_pool2d(x, 2)
        x = F.relu(F.conv2d(x, weights[f"{key}.weight"], weights[f"{key}.bias"], padding=1))
        if name in features_by_layer:
            head = f"projections.{name}"
            expected = F.relu(F.conv2d(x, weights[f"{head}.weight"], weights[f"{head}.bias"]))
            torch.testing.assert_close(features_by_layer[name], expected, rtol=1e-4, atol=1e-4)
    assert {name: features.shape[1] for name, features in features_by_layer.items()} == VGG_CHANNELS


def test_layers_it_has_not_are_named(weights: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"'relu3_3'.*compact has relu1_1, relu2_1.*--loss-network vgg19"):
        LossNetwork("compact", ["relu3_3"], weights)


def test_what_is_saved_can_be_read(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_compact(tmp_path / "own.safetensors", weights, {"steps": 7})
    for name, tensor in read_compact(tmp_path / "own.safetensors").items():
        torch.testing.assert_close(tensor, weights[name].half().float(), rtol=0, atol=0)
    assert load_loss_weights("compact", tmp_path / "own.safetensors").keys() == weights.keys()


def test_damaged_and_foreign_files_are_explained(weights: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    save_compact(path, weights, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"'own.safetensors' is damaged"):
        read_compact(path)
    save_file(weights, path)
    with pytest.raises(ValueError, match=r"is no compact loss network: allaprima distill makes such files"):
        read_compact(path)
    save_compact(path, weights, {"format_version": 99})
    with pytest.raises(ValueError, match=r"has format 99, and this version reads 1"):
        load_loss_weights("compact", path)
    save_compact(path, {**weights, "features.0.bias": torch.full((24,), torch.nan)}, {})
    with pytest.raises(ValueError, match="not finite"):
        read_compact(path)
    save_compact(path, {name: tensor[:1] for name, tensor in weights.items()}, {})
    with pytest.raises(ValueError, match="holds another network's weights"):
        read_compact(path)
    whole = {name: tensor.half() for name, tensor in weights.items()}
    metadata = {METADATA_KEY: json.dumps({"format_version": 1})}
    save_file({**whole, "features.0.bias": whole["features.0.bias"].long()}, path, metadata=metadata)
    with pytest.raises(ValueError, match=r"no floats: features\.0\.bias is torch\.int64"):
        read_compact(path)


@pytest.mark.parametrize("content", [None, b"", b"not a model at all"])
def test_a_broken_installation_names_the_ways_out(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "compact.safetensors"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(compact, "EMBEDDED", path)
    with pytest.raises(ValueError, match=r"Install allaprima again.*--loss-network vgg19"):
        load_loss_weights("compact")


def test_the_embedded_file_is_packaged() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert EMBEDDED.name in config["package-data"]["allaprima.models.loss"]
    assert (ROOT / "models" / "loss" / EMBEDDED.name).samefile(EMBEDDED)


def test_it_says_how_it_was_made() -> None:
    with safe_open(EMBEDDED, framework="pt") as file:
        card = json.loads(file.metadata()[METADATA_KEY])
    assert card["steps"] == card["settings"]["max_steps"]
    config = yaml.safe_load((ROOT / "configs" / "distill.yaml").read_text(encoding="utf-8"))
    assert config.items() <= card["settings"].items()
    assert set(card["errors"]["gram"]) == set(layer_names("compact"))
    assert "/" not in json.dumps(card["settings"])


@pytest.mark.shared
def test_the_embedded_file_stands_in_for_vgg(shared: Path) -> None:
    teacher = load_loss_weights("vgg19", shared / "weights" / "vgg19-features-fp16.safetensors")
    paths = sorted((shared / "data" / "content-dev").glob("*.jpg"))[:4]
    images = torch.cat([to_image(read_style_picture(path, 128).pixels[:128, :128]) for path in paths])
    layers = layer_names("compact")
    own = LossNetwork("compact", layers, embedded_weights())(images)
    deviations = errors(own, LossNetwork("vgg19", layers, teacher)(images))
    assert float(deviations["feature"]["relu1_1"]) < 0.02
    assert float(deviations["feature"]["relu4_2"]) < 0.4
    assert float(deviations["gram"]["relu4_1"]) < 0.15


def test_the_embedded_file_is_small_and_whole() -> None:
    assert EMBEDDED.stat().st_size <= 2_000_000
    weights = embedded_weights()
    assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == weight_shapes("compact")
    network = LossNetwork("compact", layer_names("compact"), weights)
    assert network.lineage == "original"
    for features in network(torch.rand(1, 3, 64, 64)).values():
        assert features.isfinite().all()
        assert (features.mean(dim=(0, 2, 3)) > 0).float().mean() > 0.9
