"""Folded networks paint the same."""

import pytest
import torch

from allaprima.infer.folding import ByteNetwork, FoldedUpsampling, fold_upsampling
from allaprima.models.layers import UpsampleBlock
from allaprima.models.network_settings import NetworkName
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import small_network


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3), (9, 16)])
def test_every_pixel_is_the_same_borders_included(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    convolution = UpsampleBlock(5, 3).double().conv[0]
    assert isinstance(convolution, torch.nn.Conv2d)
    features = torch.randn(2, 5, *size, dtype=torch.float64)
    with torch.no_grad():
        larger = torch.nn.functional.interpolate(features, scale_factor=2, mode="nearest")
        assert torch.allclose(FoldedUpsampling(convolution)(features), convolution(larger), atol=1e-13)


def test_network_is_copied_and_paints_the_same() -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(width=4, residual_blocks=1).eval()
    folded = fold_upsampling(network)
    pictures = torch.rand(2, 3, 33, 50)
    with torch.no_grad():
        assert (folded(pictures) - network(pictures)).abs().max() < 1e-5
    assert sum(isinstance(module, UpsampleBlock) for module in network.modules()) == 2
    assert not any(isinstance(module, UpsampleBlock) for module in folded.modules())
    assert sum(isinstance(module, FoldedUpsampling) for module in folded.modules()) == 2


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_bytes_are_what_the_network_paints_rounded(name: NetworkName) -> None:
    network = small_network(name)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pictures = torch.randint(0, 256, (2, 33, 50, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected = 255 * network(pictures.permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1)
        painted = ByteNetwork(network)(pictures)
    assert (painted.shape, painted.dtype) == (pictures.shape, torch.uint8)
    assert painted.is_contiguous()
    assert (painted - expected).abs().max() < 0.5 + 1e-3
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
