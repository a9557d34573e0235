from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from allaprima.models.loss.architectures import conv_index, layer_names
from allaprima.models.loss.loss_network import IMAGENET_MEAN, IMAGENET_STD, LossNetwork
from allaprima.models.loss.loss_weights import (
    ORIGINAL_MEAN,
    ORIGINAL_STD,
    fold_input,
    load_loss_weights,
    random_loss_weights,
)

MakeWeights = Callable[[str], dict[str, Tensor]]


@pytest.fixture(scope="module", params=["vgg16", "vgg19"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_features_equal_torchvisions(architecture: str, random_weights: MakeWeights) -> None:
    """Every layer of ours is the output of torchvision's ReLU after the convolution of the same number."""
    weights = random_weights(architecture)
    reference = getattr(torchvision.models, architecture)(weights=None).features.eval()
    reference.load_state_dict({name.removeprefix("features."): value for name, value in weights.items()})
    image = torch.rand(1, 3, 32, 40)
    names = layer_names(architecture)
    own = LossNetwork(architecture, names, weights)(image)
    x = (image - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    outputs = {}
    with torch.no_grad():
        for index, layer in enumerate(reference):
            x = layer(x)
            outputs[index] = x.clone()
    for name in names:
        torch.testing.assert_close(
            own[name], outputs[conv_index(architecture, name) + 1], rtol=1e-4, atol=1e-4
        )


def test_is_truncated_at_the_deepest_layer(small_weights: dict[str, Tensor]) -> None:
    network = LossNetwork("vgg19", ["relu1_2", "relu2_1"], small_weights)
    assert {name for name, _ in network.named_buffers()} == {
        "mean",
        "std",
        *(f"features_{index}_{kind}" for index in (0, 2, 5) for kind in ("weight", "bias")),
    }


def test_goes_no_deeper_than_asked(small_weights: dict[str, Tensor]) -> None:
    network = LossNetwork("vgg19", ["relu1_1", "relu2_1"], small_weights)
    network.features_5_weight = torch.full_like(network.get_buffer("features_5_weight"), torch.nan)
    assert network(torch.rand(1, 3, 16, 16), ["relu1_1"]).keys() == {"relu1_1"}
    assert network(torch.rand(1, 3, 16, 16))["relu2_1"].isnan().any()


def test_other_networks_weights_are_refused_by_name() -> None:
    for architecture, stored in (("vgg19", "compact"), ("compact", "vgg19")):
        with pytest.raises(
            ValueError, match=rf"weights of {stored}, and {architecture} is wanted.*--loss-network {stored}"
        ):
            LossNetwork(architecture, ["relu1_1"], random_loss_weights(stored))


def test_layers_that_serve_others_alone_are_refused() -> None:
    network = LossNetwork("compact", ["relu2_1"], random_loss_weights("compact"))
    with pytest.raises(ValueError, match=r"\['relu1_2'\] lie outside this network \(relu1_1, relu2_1\)"):
        network(torch.rand(1, 3, 16, 16), ["relu1_2"])


def test_fingerprints_tell_weights_apart() -> None:
    weights = random_loss_weights("compact")
    network = LossNetwork("compact", ["relu2_1"], weights)
    assert network.fingerprint == LossNetwork("compact", ["relu2_1"], weights).fingerprint
    other = LossNetwork("compact", ["relu2_1"], random_loss_weights("compact", seed=1))
    assert network.fingerprint != other.fingerprint


def test_is_frozen_by_construction(small_weights: dict[str, Tensor]) -> None:
    network = LossNetwork("vgg19", ["relu2_1"], small_weights).train()
    assert list(network.parameters()) == []
    assert network.state_dict() == {}
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(image)["relu2_1"].sum().backward()
    assert image.grad is not None
    assert np.isfinite(image.grad.numpy()).all()


def test_unknown_names_are_explained(small_weights: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"unknown layer 'relu5_5'.*vgg19 has relu1_1, relu1_2"):
        LossNetwork("vgg19", ["relu5_5"], small_weights)
    with pytest.raises(ValueError, match="unknown loss network 'vgg11'; there are vgg16, vgg19"):
        LossNetwork("vgg11", ["relu1_1"], small_weights)
    with pytest.raises(ValueError, match=r"these are weights of vgg16, and vgg19 is wanted"):
        LossNetwork("vgg19", ["relu4_1"], random_loss_weights("vgg16"))
    with pytest.raises(ValueError, match=r"no features.10.weight"):
        LossNetwork("vgg19", ["relu3_1"], small_weights)
    with pytest.raises(ValueError, match="lie outside"):
        LossNetwork("vgg19", ["relu1_1"], small_weights)(torch.rand(1, 3, 16, 16), ["relu2_1"])


def test_wrong_shapes_are_explained(small_weights: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"features.0.bias has shape \(3,\); vgg19 has \(64,\)"):
        LossNetwork("vgg19", ["relu1_1"], {**small_weights, "features.0.bias": torch.zeros(3)})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [torch.complex64, torch.int64])
def test_other_weights_than_floats_are_refused(kind: torch.dtype, small_weights: dict[str, Tensor]) -> None:
    odd = {"features.0.bias": small_weights["features.0.bias"].to(kind)}
    with pytest.raises(ValueError, match=rf"features\.0\.bias is {kind}; expected floats"):
        LossNetwork("vgg19", ["relu1_1"], small_weights | odd)


def test_too_small_a_picture_is_explained(random_weights: MakeWeights) -> None:
    network = LossNetwork("vgg16", ["relu5_1"], random_weights("vgg16"))
    with pytest.raises(ValueError, match="12x40 pixels; layers of stage 5 need at least 16x16"):
        network(torch.rand(1, 3, 40, 12))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_from_a_file(tmp_path: Path, small_weights: dict[str, Tensor], suffix: str) -> None:
    path = tmp_path / f"vgg{suffix}"
    stored = {**small_weights, "classifier.0.weight": torch.zeros(1)}
    save_file(stored, path) if suffix == ".safetensors" else torch.save(stored, path)
    loaded = load_loss_weights("vgg19", path)
    assert loaded.keys() == small_weights.keys()
    torch.testing.assert_close(loaded["features.0.weight"], small_weights["features.0.weight"])


@pytest.mark.parametrize("name", ["foreign.pth", "foreign.safetensors"])
def test_foreign_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("not weights at all")
    with pytest.raises(ValueError, match=rf"loss_weights '.*{name}' cannot be read"):
        load_loss_weights("vgg19", path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"vgg.pth' does not exist"):
        load_loss_weights("vgg19", tmp_path / "vgg.pth")


def test_without_network_and_file_both_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("allaprima.models.loss.loss_weights._url", lambda *_: "http://127.0.0.1:9/vgg.pth")
    with pytest.raises(ConnectionError, match=r"connect to the internet.*--loss-weights FILE"):
        load_loss_weights("vgg19")


def test_weights_come_from_torchs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_weights: dict[str, Tensor]
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("allaprima.models.loss.loss_weights._url", lambda *_: "http://127.0.0.1:9/vgg.pth")
    (tmp_path / "checkpoints").mkdir()
    torch.save(small_weights, tmp_path / "checkpoints" / "vgg.pth")
    assert load_loss_weights("vgg19").keys() == small_weights.keys()


def test_folding_changes_the_input_convention_and_nothing_else(small_weights: dict[str, Tensor]) -> None:
    """Weights for 0..255 minus the original means answer the same to ImageNet's normalisation."""
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor(ORIGINAL_MEAN).view(1, 3, 1, 1)
    kernel, bias = small_weights["features.0.weight"], small_weights["features.0.bias"]
    expected = torch.relu(torch.conv2d(255 * (image - mean), kernel, bias, padding=1))
    folded = fold_input(small_weights, ORIGINAL_MEAN, ORIGINAL_STD)
    network = LossNetwork("vgg16", ["relu1_1"], folded)
    features = network(image)["relu1_1"]
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(features[inside], expected[inside], rtol=1e-4, atol=1e-3)
    assert network.lineage == "original"
    assert LossNetwork("vgg16", ["relu1_1"], small_weights).lineage == "torchvision"


def test_original_weights_are_preferred_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_weights: dict[str, Tensor]
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(
        "allaprima.models.loss.loss_weights._url", lambda _, lineage: f"http://127.0.0.1:9/{lineage}.pth"
    )
    (tmp_path / "checkpoints").mkdir()
    torch.save(small_weights, tmp_path / "checkpoints" / "torchvision.pth")
    key = "features.0.weight"
    fallback = load_loss_weights("vgg16", lineage="original")
    torch.testing.assert_close(fallback[key], small_weights[key])
    torch.save(small_weights, tmp_path / "checkpoints" / "original.pth")
    assert load_loss_weights("vgg16", lineage="original")[key].abs().mean() > 40 * fallback[key].abs().mean()
