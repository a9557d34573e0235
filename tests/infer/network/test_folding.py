"""Folded networks paint the same."""

import pytest
import torch
from torch import Tensor, nn

from allaprima.infer.network.byte_network import ByteNetwork
from allaprima.infer.network.folding import FoldedEnd, FoldedUpsampling, fold
from allaprima.infer.network.normalization import ChannelsLastInstanceNorm, normalize_channels_last
from allaprima.models.layers import UpsampleBlock, padded_conv
from allaprima.models.network_presets import NetworkName
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import small_network

TONES = torch.tensor([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]])


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3), (9, 16)])
def test_folded_upsampling_is_the_same_at_every_pixel(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    convolution = UpsampleBlock(5, 3).double().conv[0]
    assert isinstance(convolution, nn.Conv2d)
    features = torch.randn(2, 5, *size, dtype=torch.float64)
    with torch.no_grad():
        larger = nn.functional.interpolate(features, scale_factor=2, mode="nearest")
        assert torch.allclose(FoldedUpsampling(convolution)(features), convolution(larger), atol=1e-13)


@pytest.mark.parametrize(("size", "kernel"), [((4, 6), 3), ((6, 6), 9), ((10, 24), 9)])
def test_folded_end_is_the_same_at_every_pixel(size: tuple[int, int], kernel: int) -> None:
    torch.manual_seed(0)
    convolution = padded_conv(5, 3, kernel_size=kernel).double()
    features = torch.randn(2, 5, *size, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(FoldedEnd(convolution)(features), convolution(features), atol=1e-13)


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_network_is_copied_and_paints_the_same(name: NetworkName) -> None:
    network = small_network(name)
    before = _copies(network)
    folded = fold(network)
    pictures = torch.rand(2, 3, 33, 50)
    with torch.no_grad():
        assert (folded(pictures) - network(pictures)).abs().max() < 1e-5
    assert _count(folded, FoldedEnd) == (name == "paper")
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_nearest_enlargement_is_folded_into_its_convolution() -> None:
    network = TransformerNetwork(width=4, residual_blocks=1, upsampling="nearest").eval()
    folded = fold(network)
    pictures = torch.rand(2, 3, 33, 50)
    with torch.no_grad():
        assert (folded(pictures) - network(pictures)).abs().max() < 1e-5
    assert _count(folded, UpsampleBlock) == 0
    assert _count(folded, FoldedUpsampling) == 2


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_bytes_are_what_the_network_paints_rounded(name: NetworkName) -> None:
    network = small_network(name)
    before = _copies(network)
    pictures = torch.randint(0, 256, (2, 33, 50, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected = 255 * network(pictures.permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1)
        for candidate in (network, fold(network)):
            painted = ByteNetwork(candidate, TONES)(pictures)
            assert (painted.shape, painted.dtype) == (pictures.shape, torch.uint8)
            assert painted.is_contiguous()
            assert (painted - expected).abs().max() < 0.5 + 1e-3
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_normalisation_keeps_the_layout_and_is_pytorchs() -> None:
    torch.manual_seed(0)
    norm = nn.InstanceNorm2d(5, affine=True).requires_grad_(False)
    norm.weight.uniform_(0.5, 2)
    norm.bias.normal_()
    spread = torch.tensor([0.2, 0.5, 1, 2, 5])[:, None, None]
    features = (torch.randn(3, 5, 7, 9) * spread + 1).to(memory_format=torch.channels_last)
    original = features.clone()
    normalized = ChannelsLastInstanceNorm(norm)(features)
    assert normalized.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(features, original)
    assert torch.allclose(normalized, norm(features), atol=1e-5)


def test_normalisation_is_precise_on_large_pictures() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 2, 2048, 2048).mul_(0.3).add_(2).to(memory_format=torch.channels_last)
    norm = nn.InstanceNorm2d(2, affine=True).requires_grad_(False)
    network = nn.Sequential(nn.Sequential(norm))
    normalize_channels_last(network)
    assert _count(network, nn.InstanceNorm2d) == 0
    expected = norm.double()(features.double())
    assert (network(features) - expected).abs().max() < 1e-5


def _copies(network: TransformerNetwork) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def _count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in network.modules())
