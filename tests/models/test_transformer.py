import inspect

import pytest
import torch

from allaprima.models.layers import PixelShuffleConv, UpsampleBlock
from allaprima.models.network_presets import NETWORKS
from allaprima.models.network_settings import NetworkSettings
from allaprima.models.output_range import squash, squash_and_draw_back
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import small_network


@pytest.fixture(scope="module", params=["paper", "fast"])
def network(request: pytest.FixtureRequest) -> TransformerNetwork:
    return small_network(request.param)


def test_paper_network_has_the_papers_size() -> None:
    parameters = sum(p.numel() for p in TransformerNetwork().parameters())
    assert parameters == 1_679_235


def test_defaults_are_those_of_the_settings() -> None:
    signature = inspect.signature(TransformerNetwork)
    assert {name: p.default for name, p in signature.parameters.items()} == NetworkSettings().model_dump()


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (18, 33), (23, 16), (64, 101)])
def test_output_has_the_inputs_size(network: TransformerNetwork, size: tuple[int, int]) -> None:
    with torch.no_grad():
        output = network(torch.rand(2, 3, *size))
    assert output.shape == (2, 3, *size)
    assert output.min() >= 0
    assert output.max() <= 1


def test_output_reaches_black_and_white() -> None:
    network = TransformerNetwork(width=4, residual_blocks=0).eval()
    last = network.decoder[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    for bias, value in ((-9.0, 0.0), (9.0, 1.0)):
        torch.nn.init.constant_(last.bias, bias)
        with torch.no_grad():
            assert (network(torch.rand(1, 3, 16, 16)) == value).all()


def test_saturated_pixels_still_learn() -> None:
    network = TransformerNetwork(width=4, residual_blocks=0).train()
    last = network.decoder[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    torch.nn.init.constant_(last.bias, 2.5)
    output = network(torch.rand(1, 3, 16, 16))
    assert output.mean() > 1
    output.mean().backward()
    assert last.bias.grad is not None
    assert (last.bias.grad > 1e-4).all()


def test_training_draws_back_what_the_tanh_has_made_deaf() -> None:
    x = torch.tensor([-50.0, -1.0, 0.0, 1.0, 50.0], requires_grad=True)
    torch.testing.assert_close(squash_and_draw_back(x), squash(x))
    toward_grey = torch.tensor([1.0, 1.0, 1.0, 1.0, -1.0])
    (drawn_back,) = torch.autograd.grad((toward_grey * squash_and_draw_back(x)).sum(), x)
    (deaf,) = torch.autograd.grad((toward_grey * squash(x)).sum(), x)
    torch.testing.assert_close(drawn_back[1:4], deaf[1:4])  # untouched where it is alive
    assert deaf[0] == deaf[4] == 0
    assert drawn_back[0] == -48  # a step against the gradient brightens the one
    assert drawn_back[4] == 48  # and darkens the other


def test_flat_picture_gives_a_flat_picture_without_frame(network: TransformerNetwork) -> None:
    with torch.no_grad():
        output = network(torch.full((1, 3, 32, 32), 0.5))
    assert output.std(dim=(2, 3)).max() < 1e-5


def test_upsample_block_doubles_the_size() -> None:
    assert UpsampleBlock(4, 2)(torch.rand(1, 4, 5, 6)).shape == (1, 2, 10, 12)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((1, 3, 15, 40), "40x15 pixels; the smallest that works is 16x16"), ((1, 1, 32, 32), "expected")],
)
def test_refuses_what_it_cannot_paint(
    network: TransformerNetwork, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        network(torch.rand(shape))


def test_refuses_impossible_settings() -> None:
    with pytest.raises(ValueError, match="width is 0"):
        TransformerNetwork(width=0)
    with pytest.raises(ValueError, match="residual_blocks -1"):
        TransformerNetwork(residual_blocks=-1)
    with pytest.raises(ValueError, match="end_stride 3"):
        TransformerNetwork(end_stride=3)


def test_smaller_networks_are_smaller() -> None:
    parameters = {
        name: sum(p.numel() for p in TransformerNetwork(**settings.model_dump()).parameters())
        for name, settings in NETWORKS.items()
    }
    assert parameters["tiny"] < parameters["fast"] / 2 < parameters["paper"] / 10


def test_pixels_of_a_block_begin_equal() -> None:
    blocks = PixelShuffleConv(4, 3, 2)(torch.rand(1, 4, 8, 8)).unflatten(2, (8, 2)).unflatten(4, (8, 2))
    assert torch.equal(blocks, blocks[:, :, :, :1, :, :1].expand_as(blocks))


def test_skip_connection_bring_detail_past_the_middle() -> None:
    torch.manual_seed(0)
    blind, seeing = (
        TransformerNetwork(width=4, residual_blocks=0, end_stride=2, skip_connection=skip).eval()
        for skip in (False, True)
    )
    torch.nn.init.zeros_(blind.encoder.get_submodule("2.1").get_parameter("weight"))  # nothing gets through
    seeing.load_state_dict(blind.state_dict())
    with torch.no_grad():
        assert blind(torch.rand(1, 3, 32, 32)).std(dim=(2, 3)).max() < 1e-5
        assert seeing(torch.rand(1, 3, 32, 32)).std(dim=(2, 3)).min() > 0.01
