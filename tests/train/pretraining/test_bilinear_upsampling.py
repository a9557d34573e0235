"""Kernels fitted by least squares to another enlargement."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from allaprima.models.layers import UpsampleBlock
from allaprima.models.style_file import load_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.pretraining import bilinear_upsampling
from allaprima.train.pretraining.bilinear_upsampling import with_bilinear_upsampling


def _photograph(seed: int) -> Tensor:
    """Something with large and small shapes, `(1, 3, 96, 128)`."""
    generator = torch.Generator().manual_seed(seed)
    scales = [torch.rand(1, 3, 96 // side, 128 // side, generator=generator) for side in (16, 8, 4, 1)]
    larger = [F.interpolate(scale, (96, 128), mode="bicubic") for scale in scales]
    return (0.5 * larger[0] + 0.3 * larger[1] + 0.2 * larger[2] + 0.05 * larger[3]).clamp(0, 1)


def test_the_fitted_network_paints_more_alike_than_one_with_the_same_kernels() -> None:
    nearest = load_style("bar-wave").network
    fitted = with_bilinear_upsampling(nearest, [_photograph(seed) for seed in range(2)])
    assert fitted.settings == nearest.settings.model_copy(update={"upsampling": "bilinear"})
    copied = TransformerNetwork(**fitted.settings.model_dump()).eval()
    copied.load_state_dict(nearest.state_dict())

    unseen = _photograph(9)
    with torch.inference_mode():
        wanted = nearest(unseen)
        apart, copied_apart = ((network(unseen) - wanted).square().mean() for network in (fitted, copied))
    assert apart < 0.8 * copied_apart  # 0.69 of it


def test_all_but_two_kernels_are_as_they_were_and_these_as_large() -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(width=4, residual_blocks=1).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fitted = with_bilinear_upsampling(network, [_photograph(1)]).state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, fitted[name])}
    assert changed == {"decoder.0.conv.0.weight", "decoder.1.conv.0.weight"}
    for name in changed:
        torch.testing.assert_close(fitted[name].norm(), before[name].norm())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_no_other_kernel_comes_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Least squares by what defines it, for both blocks, on the maps that each of the two networks has."""
    monkeypatch.setattr(bilinear_upsampling, "RIDGE", 0.0)
    torch.manual_seed(0)
    network = TransformerNetwork(width=4, residual_blocks=1).eval()
    photograph = _photograph(1)
    fitted = with_bilinear_upsampling(network, [photograph])
    with torch.inference_mode():
        maps = own = network.residual(network.encoder(2 * photograph - 1))
        for old, new in zip(network.decoder[:2], fitted.decoder[:2], strict=True):
            assert isinstance(old, UpsampleBlock)
            assert isinstance(new, UpsampleBlock)
            wanted = old.convolve_and_enlarge(maps)
            least = _distance(new.convolve_and_enlarge(own), wanted)
            kernel = new.conv[0].get_parameter("weight")
            for _ in range(5):
                direction = torch.randn_like(kernel)
                step = 0.001 * direction * kernel.norm() / direction.norm()
                for sign in (1, -1):
                    kernel.add_(sign * step)
                    assert _distance(new.convolve_and_enlarge(own), wanted) > least
                    kernel.sub_(sign * step)
            maps, own = old(maps), new(own)


def _distance(maps: Tensor, wanted: Tensor) -> float:
    """Return how far maps before a normalisation are from others, whatever their kernel's size."""
    maps, wanted = (x.double() - x.double().mean(dim=(2, 3), keepdim=True) for x in (maps, wanted))
    scale = (maps * wanted).sum() / maps.square().sum()
    return float((scale * maps - wanted).square().sum())


@pytest.mark.parametrize("odd", [{"upsampling": "bilinear"}, {"skip_connection": True}])
def test_other_networks_are_refused(odd: dict[str, str | bool]) -> None:
    network = TransformerNetwork(width=4, residual_blocks=1, **odd)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected nearest enlargement, no skip connection"):
        with_bilinear_upsampling(network, [_photograph(1)])
