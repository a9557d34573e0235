"""The project's own style pictures: the same from a seed, rich at every scale, painted by a command."""

import runpy
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from allaprima.paintings import PAINTINGS
from allaprima.paintings.cells import distance_to_edges, jittered_cells
from allaprima.paintings.cli import main
from allaprima.paintings.noise import blur, smooth_noise

Pixels = NDArray[np.uint8]
SIZE = 192
ROOT = Path(__file__).parents[2]


@lru_cache
def painted(name: str, seed: int = 0, size: int = SIZE) -> Pixels:
    return PAINTINGS[name](size, seed)


def lightness(pixels: Pixels) -> NDArray[np.float64]:
    weighted: NDArray[np.float64] = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return weighted


def block_deviations(field: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Return the deviation within each block of so many pixels a side."""
    count = len(field) // block
    blocks = field[: count * block, : count * block].reshape(count, block, count, block)
    deviations: NDArray[np.float64] = blocks.std(axis=(1, 3))
    return deviations


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_seed_gives_the_same_picture_again_and_another_seed_another(name: str) -> None:
    first = PAINTINGS[name](48, 3)
    assert np.array_equal(first, PAINTINGS[name](48, 3))
    other = PAINTINGS[name](48, 4)
    assert np.abs(first.astype(int) - other).mean() > 8


@pytest.mark.parametrize("name", PAINTINGS)
@pytest.mark.parametrize("size", [16, 97])
def test_any_size(name: str, size: int) -> None:
    pixels = painted(name, size=size)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_size_that_shows_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="size is 15; the smallest"):
        PAINTINGS[name](15, 0)


@pytest.mark.parametrize("name", PAINTINGS)
def test_the_composition_does_not_depend_on_the_size(name: str) -> None:
    """What chance decides is a matter of the seed: reduced, a large picture resembles a small one."""
    small = Image.fromarray(painted(name, size=97)).resize((8, 8), Image.Resampling.BOX)
    large = Image.fromarray(painted(name)).resize((8, 8), Image.Resampling.BOX)
    one, other = (np.asarray(image, np.float64).ravel() for image in (small, large))
    assert np.corrcoef(one, other)[0, 1] > 0.5


@pytest.mark.parametrize("name", PAINTINGS)
def test_tones_reach_from_dark_to_light(name: str) -> None:
    dark, light = np.quantile(lightness(painted(name)), [0.02, 0.98])
    assert dark < 70
    assert light > 165


@pytest.mark.parametrize("name", PAINTINGS)
def test_no_region_is_empty(name: str) -> None:
    """Every block of an eighth of the side is textured."""
    assert block_deviations(lightness(painted(name)), SIZE // 8).min() > 8


@pytest.mark.parametrize("name", PAINTINGS)
def test_there_is_texture_at_fine_and_at_coarse_scales(name: str) -> None:
    """Between neighbouring octaves of blurring there is contrast, most of all in no single one."""
    tones = lightness(painted(name))
    levels = [tones, *(blur(tones, radius) for radius in (1, 2, 4, 8, 16))]
    bands = np.array([(fine - coarse).std() for fine, coarse in pairwise(levels)])
    assert bands.min() > 4
    assert bands.max() < 0.75 * bands.sum()


@pytest.mark.parametrize(("name", "hues"), [("stained-glass", 6), ("brush-strokes", 6), ("mosaic", 5)])
def test_hues_are_many(name: str, hues: int) -> None:
    """Of twelve hues so many have two hundredths of the picture each, in strong colour."""
    hue, saturation, value = np.asarray(Image.fromarray(painted(name)).convert("HSV")).reshape(-1, 3).T
    strong = (saturation > 110) & (value > 80)
    shares = np.bincount(hue[strong].astype(int) * 12 // 256, minlength=12) / len(hue)
    assert (shares > 0.02).sum() >= hues


def test_a_woodcut_is_ink_paper_and_two_colours() -> None:
    pixels = painted("woodcut").reshape(-1, 3).astype(int)
    red, green, blue = pixels.T
    assert (pixels.max(axis=1) < 60).mean() > 0.2
    assert ((red - blue > 110) & (green < 110)).mean() > 0.02
    assert ((blue - red > 25) & (green > red)).mean() > 0.08
    assert ((pixels.min(axis=1) > 140) & (red > blue)).mean() > 0.05


def test_cells_of_polar_coordinates_close() -> None:
    turn = np.array([[0.001, 7.999]], np.float32)
    radius = np.full_like(turn, 2.4)
    one, other = jittered_cells(np.random.default_rng(1), radius, turn, turns=8)[0]
    assert one == other


def test_cells_are_those_of_the_nearest_seed() -> None:
    u, v = np.meshgrid(np.linspace(0, 5, 60, dtype=np.float32), np.linspace(0, 5, 60, dtype=np.float32))
    labels = jittered_cells(np.random.default_rng(0), u, v)
    seeds = np.random.default_rng(0).uniform(0.2, 0.8, (2, 8, 8)).astype(np.float32)
    rows, columns = np.mgrid[:8, :8]
    distance = (u[..., None] - (seeds[0] + columns - 1).ravel()) ** 2
    distance += (v[..., None] - (seeds[1] + rows - 1).ravel()) ** 2
    assert np.array_equal(labels, distance.argmin(axis=-1))


def test_distance_to_edges_is_euclidean() -> None:
    labels = np.zeros((21, 21), np.int64)
    labels[:11, :11] = 1
    distance = distance_to_edges(labels, 6)
    assert distance[13, 14] == pytest.approx(np.hypot(3, 4))
    assert distance[5, 7] == pytest.approx(3)
    assert distance[20, 20] == 6


def test_blur_keeps_a_constant_and_takes_away_what_is_fine() -> None:
    assert blur(np.full((20, 30), 0.7), 3) == pytest.approx(0.7, abs=1e-6)
    noise = np.random.default_rng(0).normal(size=(64, 64))
    assert blur(noise, 4).std() < 0.15


def test_noise_has_the_scale_it_is_asked_for() -> None:
    def roughness(cell: float) -> float:
        noise = smooth_noise(np.random.default_rng(0), 256, cell)
        assert noise.std() == pytest.approx(1, abs=0.4)
        return float(np.diff(noise, axis=1).std())

    assert roughness(0.02) > 4 * roughness(0.2)


def test_command_paints_a_picture_and_does_not_overwrite_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "woodcut.png"
    command = ["woodcut", "-o", str(output), "--size", "97"]
    assert main(command) == 0
    with Image.open(output) as image:
        assert np.array_equal(np.asarray(image), painted("woodcut", size=97))
    before = output.read_bytes()
    assert main([*command, "--seed", "1"]) == 2
    assert "is there already: --overwrite replaces it" in capsys.readouterr().err
    assert output.read_bytes() == before
    assert main([*command, "--seed", "1", "--overwrite"]) == 0
    assert output.read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frescoe", "-o", "a.png"], "unknown painting 'frescoe'; there are brush-strokes, mosaic, "),
        (["woodcut", "-o", "a.xyz"], "suffix must be one of .jpg"),
        (["woodcut", "-o", "nowhere/a.png"], "there is no folder 'nowhere'"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_it_runs_as_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "glass.png"
    monkeypatch.setattr(sys, "argv", ["paintings", "stained-glass", "-o", str(output), "--size", "32"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("allaprima.paintings", run_name="__main__")
    assert ended.value.code == 0
    assert output.exists()


def test_help_and_page_name_every_painting() -> None:
    page = (ROOT / "docs" / "paintings" / "README.md").read_text(encoding="utf-8")
    for name in PAINTINGS:
        assert f"{name}.jpg" in page
        with Image.open(ROOT / "docs" / "paintings" / f"{name}.jpg") as image:
            assert image.size == (512, 512)
