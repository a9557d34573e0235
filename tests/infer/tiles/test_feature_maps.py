"""Maps in memory and on a disk, and where tiles lie."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from allaprima.infer.tiles.feature_maps import FileMap, MemoryMap, MirroredMap
from allaprima.infer.tiles.norm_statistics import Moments
from allaprima.infer.tiles.windows import Window, tiles_of


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
def test_file_gives_back_what_was_written(dtype: torch.dtype, tmp_path: Path) -> None:
    values = (torch.rand(23, 31, 5) * 255).to(dtype)
    kept = FileMap(tmp_path / "a.map", 23, 31, 5, dtype)
    for tile in tiles_of(Window(0, 23, 0, 31), 9):
        kept.write(tile, values[tile.top : tile.bottom, tile.left : tile.right])
    assert torch.equal(kept.read(Window(0, 23, 0, 31)), values)
    assert torch.equal(kept.read(Window(3, 11, 7, 30)), values[3:11, 7:30])
    kept.close()
    assert not list(tmp_path.iterdir())


def test_tiles_cover_everything_once() -> None:
    visits = torch.zeros(37, 50, dtype=torch.int)
    for tile in tiles_of(Window(0, 37, 0, 50), 16):
        assert tile.height <= 16
        assert tile.width <= 16
        visits[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert (visits == 1).all()


def test_window_with_a_margin_ends_at_the_picture() -> None:
    window = Window(0, 4, 5, 9).expanded(2).within(Window(0, 10, 0, 10))
    assert window == Window(0, 6, 3, 10)
    assert Window(0, 4, 5, 9).inside(window) == Window(0, 4, 2, 6)


def test_picture_is_mirrored_as_the_network_does() -> None:
    pixels = torch.rand(21, 18, 3)
    padded = F.pad(pixels.permute(2, 0, 1)[None], (0, 6, 0, 3), mode="reflect")[0].permute(1, 2, 0)
    mirrored = MirroredMap(MemoryMap(pixels))
    for window in (Window(0, 24, 0, 24), Window(16, 24, 8, 24), Window(0, 8, 0, 8), Window(0, 16, 16, 24)):
        expected = padded[window.top : window.bottom, window.left : window.right]
        assert torch.equal(mirrored.read(window), expected)


def test_moments_of_tiles_are_those_of_the_whole() -> None:
    features = torch.randn(1, 3, 40, 50) * torch.tensor([1e-3, 1, 100])[:, None, None] + 50
    moments = Moments()
    for tile in tiles_of(Window(0, 40, 0, 50), 17):
        moments.add(features[..., tile.top : tile.bottom, tile.left : tile.right])
    exact = features.double()[0].flatten(1)
    torch.testing.assert_close(moments.mean, exact.mean(1), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(moments.variance, exact.var(1, correction=0), rtol=1e-2, atol=0)
    assert moments.count == 2000
