"""A picture in tiles is painted as in one piece."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from allaprima.infer.engines.compiled import CompiledEngine, compiled_for_all_sizes, has_compiler
from allaprima.infer.engines.eager import EagerEngine
from allaprima.infer.tiles.feature_maps import MemoryMap
from allaprima.infer.tiles.tiled_network import TiledNetwork
from allaprima.models.network_presets import NETWORKS, NetworkName
from allaprima.models.style_file import load_style
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import paint, small_network

NAMES: tuple[NetworkName, ...] = ("paper", "fast", "tiny")


def picture(height: int, width: int) -> Tensor:
    return torch.from_numpy(np.array(paint(height, width, seed=5)))


def bold(network: TransformerNetwork) -> TransformerNetwork:
    """Make a random network paint with contrast, so that differences show."""
    with torch.no_grad():
        for parameter in network.decoder[-1].parameters():
            parameter.mul_(4)
    return network


def tiled(network: TiledNetwork, pixels: Tensor, side: int, scratch: Path | None) -> Tensor:
    painted = torch.zeros_like(pixels)
    shares = list(network.stylize(MemoryMap(pixels), MemoryMap(painted), side=side, scratch=scratch))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    return painted


def in_one_piece(network: TransformerNetwork, pixels: Tensor) -> Tensor:
    return torch.from_numpy(EagerEngine(network, device="cpu")(pixels[None].numpy())[0])


def levels_apart(a: Tensor, b: Tensor) -> Tensor:
    return (a.int() - b.int()).abs()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(97, 131), (16, 250), (17, 16), (128, 96)])
def test_tiles_paint_what_is_painted_in_one_piece(
    name: NetworkName, size: tuple[int, int], tmp_path: Path
) -> None:
    network, pixels = bold(small_network(name)), picture(*size)
    expected = in_one_piece(network, pixels)
    tiles = TiledNetwork(network, device="cpu")
    assert expected.float().std() > 10
    for scratch in (tmp_path, None):
        painted = tiled(tiles, pixels, 32, scratch)
        assert levels_apart(painted, expected).max() <= 1
        assert levels_apart(painted, expected).float().mean() < 1e-3
    assert not list(tmp_path.iterdir())


def test_nothing_shows_where_tiles_meet(tmp_path: Path) -> None:
    network, pixels = bold(small_network("paper")), picture(256, 256)
    difference = levels_apart(
        tiled(TiledNetwork(network, device="cpu"), pixels, 64, tmp_path), in_one_piece(network, pixels)
    ).float()
    near = torch.zeros(256, dtype=torch.bool)
    for border in (64, 128, 192):
        near[border - 4 : border + 4] = True
    at_borders = near[:, None] | near
    assert difference[at_borders].mean() <= difference[~at_borders].mean() + 1e-3


def test_whole_networks_too(tmp_path: Path) -> None:
    for name, settings in NETWORKS.items():
        torch.manual_seed(1)
        network = bold(TransformerNetwork(**settings.model_dump()).eval())
        pixels = picture(150, 203)
        painted = tiled(TiledNetwork(network, device="cpu"), pixels, 64, tmp_path)
        assert levels_apart(painted, in_one_piece(network, pixels)).max() <= 1, name


def test_floats_are_painted_as_floats(tmp_path: Path) -> None:
    network, pixels = small_network("fast"), picture(61, 83).float()
    painted = tiled(TiledNetwork(network, device="cpu"), pixels, 32, tmp_path)
    with torch.inference_mode():
        expected = network(pixels.permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    torch.testing.assert_close(painted, expected, atol=2e-4, rtol=0)


def test_statistics_of_a_reduced_picture_are_close_and_of_the_picture_itself_exact() -> None:
    network, pixels = bold(small_network("fast")), picture(256, 320)
    expected, tiles = in_one_piece(network, pixels), TiledNetwork(network, device="cpu")

    def apart(reduced: Tensor) -> float:
        painted = torch.zeros_like(pixels)
        maps = MemoryMap(pixels), MemoryMap(painted)
        list(tiles.stylize(*maps, side=64, scratch=None, reduced=MemoryMap(reduced)))
        return float(levels_apart(painted, expected).float().mean())

    def smaller(factor: int) -> Tensor:
        planes = pixels.permute(2, 0, 1)[None].float()
        planes = F.interpolate(planes, scale_factor=1 / factor, mode="bilinear", antialias=True)
        return planes[0].permute(1, 2, 0).round().byte()

    assert apart(pixels) < 1e-3
    assert 0.1 < apart(smaller(2)) < apart(smaller(10))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_close(dtype: torch.dtype, tmp_path: Path) -> None:
    network, pixels = load_style("great-wave").network, picture(66, 80)
    expected = in_one_piece(network, pixels)
    for scratch in (tmp_path, None):
        painted = tiled(TiledNetwork(network, device="cpu", dtype=dtype), pixels, 64, scratch)
        assert levels_apart(painted, expected).float().mean() < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_picture_of_one_colour_becomes_one_colour(dtype: torch.dtype, tmp_path: Path) -> None:
    network, pixels = load_style("great-wave").network, torch.full((90, 131, 3), 201, dtype=torch.uint8)
    expected = in_one_piece(network, pixels)
    tiles = TiledNetwork(network, device="cpu", dtype=dtype)
    assert levels_apart(tiled(tiles, pixels, 64, tmp_path), expected).max() <= 1
    painted = tiled(tiles, pixels.float(), 64, tmp_path)
    assert (painted * 255 - expected).abs().max() <= 1.5


def test_a_second_picture_does_not_see_the_first(tmp_path: Path) -> None:
    network, tiles = small_network("tiny"), TiledNetwork(small_network("tiny"), device="cpu")
    tiled(tiles, 255 - picture(80, 64), 32, tmp_path)
    painted = tiled(tiles, picture(97, 64), 32, tmp_path)
    assert levels_apart(painted, in_one_piece(network, picture(97, 64))).max() <= 1


def test_a_part_begins_where_the_last_one_ended() -> None:
    tiles = TiledNetwork(small_network("paper"), device="cpu")
    *_, last = tiles.parts(keep=True)
    assert last.margin <= 4
    *_, last = tiles.parts(keep=False)
    assert 4 < last.margin < 16


def test_room_that_maps_take_is_foretold(tmp_path: Path) -> None:
    network, largest = TiledNetwork(small_network("paper"), device="cpu"), 0
    pixels = picture(128, 96)
    maps = MemoryMap(pixels), MemoryMap(torch.zeros_like(pixels))
    for _ in network.stylize(*maps, side=32, scratch=tmp_path):
        largest = max(largest, sum(file.stat().st_size for file in tmp_path.iterdir()))
    assert 0.7 * network.scratch_bytes(128, 96) <= largest <= network.scratch_bytes(128, 96)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # minutes where a core is shared
@pytest.mark.skipif(not has_compiler(), reason="needs a C++ compiler")
def test_compiled_parts_paint_the_same(tmp_path: Path) -> None:
    network, pixels = bold(small_network("tiny")), picture(97, 131)
    tiles = TiledNetwork(network, device="cpu", prepare=compiled_for_all_sizes)
    expected = torch.from_numpy(CompiledEngine(network, device="cpu")(pixels[None].numpy())[0])
    assert levels_apart(tiled(tiles, pixels, 32, tmp_path), expected).max() <= 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_tiles_on_a_gpu(precision: str, tmp_path: Path) -> None:
    network, pixels = bold(small_network("fast")), picture(97, 131)
    dtype = getattr(torch, precision)
    tiles = TiledNetwork(network, device="cuda", dtype=dtype)
    engine = EagerEngine(network, device="cuda", precision=precision)  # type: ignore[arg-type]
    expected = torch.from_numpy(engine(pixels[None].numpy())[0])
    assert levels_apart(tiled(tiles, pixels, 32, tmp_path), expected).float().mean() < 0.1
