"""Which weights a run starts from."""

from pathlib import Path
from shutil import copy

import pytest
import torch

from allaprima.models import pretrained
from allaprima.models.network_presets import NETWORKS
from allaprima.models.network_settings import NetworkSettings, Upsampling
from allaprima.models.style_file import StyleHeader, load_style, save_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.initial_network import initial_file, initial_network

SMALL = NetworkSettings(width=4, residual_blocks=1, upsampling="bilinear")


@pytest.fixture
def small_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose only base is a small one."""
    torch.manual_seed(7)
    file = tmp_path / "small.safetensors"
    header = StyleHeader(style_name="base", style_sha256="0" * 64, dtype="float32")
    save_style(file, TransformerNetwork(**SMALL.model_dump()), header)
    monkeypatch.setattr(pretrained, "__file__", str(tmp_path / "__init__.py"))
    return file


def test_a_network_with_a_base_starts_from_it(small_base: Path) -> None:
    assert initial_file(None, SMALL) == initial_file(Path("base"), SMALL) == small_base
    torch.manual_seed(7)
    expected = TransformerNetwork(**SMALL.model_dump()).state_dict()
    for name, tensor in initial_network(small_base, SMALL, seed=0).state_dict().items():
        assert torch.equal(tensor, expected[name])


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
def test_the_package_has_a_base_for_each_enlargement(upsampling: Upsampling) -> None:
    settings = NETWORKS["paper"].model_copy(update={"upsampling": upsampling})
    base = initial_file(Path("base"), settings)
    assert base is not None
    assert load_style(base).network.settings == settings


def test_none_and_networks_without_a_base_start_from_random_weights(small_base: Path) -> None:
    assert initial_file(Path("none"), SMALL) is None
    assert initial_file(None, NETWORKS["tiny"]) is None
    first, again = (initial_network(None, SMALL, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())


def test_a_base_that_is_asked_for_has_to_be_there(small_base: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no base for this network \(width=8 .*leave out --init"):
        initial_file(Path("base"), NETWORKS["tiny"])


def test_a_damaged_base_is_named(small_base: Path) -> None:
    small_base.write_bytes(small_base.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"small\.safetensors' is not a style file, or it is damaged"):
        initial_file(None, SMALL)


def test_a_file_of_another_network_says_which(small_base: Path, tmp_path: Path) -> None:
    copy(small_base, tmp_path / "mine.safetensors")
    with pytest.raises(ValueError, match=r"has another network .* give --width 4 --residual-blocks 1 "):
        initial_file(tmp_path / "mine.safetensors", NETWORKS["paper"])
