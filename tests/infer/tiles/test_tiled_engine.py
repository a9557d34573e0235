"""Pictures that do not fit go to tiles, by every way that leads there."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from allaprima.freed_memory import give_back_freed_memory
from allaprima.images.picture_files import read_picture
from allaprima.infer import Stylizer
from allaprima.infer.engines.memory import PictureTooLargeError
from allaprima.infer.tiles import memory_budget
from allaprima.infer.tiles.memory_budget import Budget, parse_memory, tile_side
from allaprima.models.style_file import StyleHeader, save_style
from tests.conftest import Run, paint, small_network

TINY_BUDGET = 1000
"""Less than any process takes, so that nothing fits."""


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "fast.safetensors"
    save_style(path, small_network("fast"), StyleHeader(style_name="a", style_sha256=""))
    return path


def test_memory_is_read() -> None:
    assert parse_memory("2G") == 2 * 10**9
    assert parse_memory("800 mb") == 8 * 10**8
    assert parse_memory("1.5T") == 15 * 10**11
    for text in ("2X", "", "-1G", "0", "G"):
        with pytest.raises(ValueError, match="expected a size such as 2G"):
            parse_memory(text)


def test_budget_is_for_the_whole_process() -> None:
    assert Budget(None).left(1000) == 1000
    assert Budget(10**15).left(1000) == 1000
    assert Budget(TINY_BUDGET).left(1000) < 0


def test_tiles_take_what_there_is() -> None:
    assert tile_side(0, 600, 60) == memory_budget.SMALLEST_TILE
    assert tile_side(10**12, 600, 60) == memory_budget.LARGEST_TILE
    side = tile_side(500 * 10**6, 600, 60)
    assert (side + 120) ** 2 * 600 <= 250 * 10**6 < (side + 122) ** 2 * 600


def test_arrays_images_and_tensors_are_painted_as_in_one_piece(style: Path) -> None:
    whole = Stylizer.load(style, device="cpu", engine="eager")
    tiled = Stylizer.load(style, device="cpu", engine="eager", memory=TINY_BUDGET)
    image = paint(130, 201, seed=3)
    apart = np.abs(np.asarray(whole(image), int) - np.asarray(tiled(image), int))
    assert apart.max() <= 1
    batch = torch.rand(2, 3, 70, 90)
    torch.testing.assert_close(tiled(batch), whole(batch), atol=2e-4, rtol=0)


def test_threads_may_share_what_paints_in_tiles(style: Path) -> None:
    stylizer = Stylizer.load(style, device="cpu", engine="eager", memory=TINY_BUDGET)
    images = [paint(96, 130, seed) for seed in range(6)]
    expected = [np.asarray(stylizer(image)) for image in images]
    with ThreadPoolExecutor(3) as pool:
        for alone, shared in zip(expected, pool.map(stylizer, images), strict=True):
            np.testing.assert_array_equal(np.asarray(shared), alone)


def test_an_animation_in_tiles_is_told(style: Path, tmp_path: Path, run: Run) -> None:
    first, *others = (paint(40, 50, seed) for seed in range(3))
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    _, said, _ = run("stylize", style, tmp_path / "a.png", "-o", tmp_path / "b.png", "--memory", "1M")
    assert said.startswith("1 picture stylised (of an animation only the first frame: ")


def test_a_file_is_painted_as_in_one_piece_and_that_is_said(style: Path, tmp_path: Path, run: Run) -> None:
    image = paint(130, 201, seed=3)
    image.putalpha(Image.fromarray(np.tile(np.arange(201, dtype=np.uint8), (130, 1))))
    image.save(tmp_path / "a.png")
    options = ("--engine", "eager", "--device", "cpu")
    assert run("stylize", style, tmp_path / "a.png", "-o", tmp_path / "whole.png", *options)[0] == 0
    code, out, _ = run(
        "stylize", style, tmp_path / "a.png", "-o", tmp_path / "tiles.tif", *options, "--memory", "1M"
    )
    assert (code, out) == (0, "1 picture stylised\n")
    whole, tiled = read_picture(tmp_path / "whole.png"), read_picture(tmp_path / "tiles.tif")
    assert np.abs(whole.rgb.astype(int) - tiled.rgb).max() <= 1
    assert whole.alpha is not None
    assert tiled.alpha is not None
    np.testing.assert_array_equal(whole.alpha, tiled.alpha)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "whole.png", "tiles.tif"}


def test_colours_stay_in_tiles_too(style: Path, tmp_path: Path, run: Run) -> None:
    paint(300, 201, seed=3).save(tmp_path / "a.png")
    options = ("--engine", "eager", "--device", "cpu", "--color", "keep")
    for name, memory in (("whole.png", ()), ("tiles.png", ("--memory", "1M"))):
        code, _, _ = run("stylize", style, tmp_path / "a.png", "-o", tmp_path / name, *options, *memory)
        assert code == 0
    whole, tiled = (read_picture(tmp_path / name).rgb.astype(int) for name in ("whole.png", "tiles.png"))
    assert np.abs(whole - tiled).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_what_is_hidden_takes_no_part_in_tiles_either(
    suffix: str, style: Path, tmp_path: Path, run: Run
) -> None:
    pixels = np.asarray(paint(130, 201, seed=3).convert("RGBA")).copy()
    pixels[20:60, 30:, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    options = ("--engine", "eager", "--device", "cpu", "--background", "#00c800", "--quality", 100)
    for name, memory in (("whole", ()), ("tiles", ("--memory", "1M"))):
        target = tmp_path / f"{name}{suffix}"
        assert run("stylize", style, tmp_path / "a.png", "-o", target, *options, *memory)[0] == 0
    whole, tiled = (read_picture(tmp_path / f"{name}{suffix}") for name in ("whole", "tiles"))
    assert np.abs(whole.rgb.astype(int) - tiled.rgb).max() <= (1 if suffix == ".png" else 6)
    if suffix == ".jpg":
        np.testing.assert_allclose(tiled.rgb[30:50, 40:].reshape(-1, 3).mean(0), (0, 200, 0), atol=2)


@pytest.mark.parametrize(("suffix", "mode"), [(".webp", "RGB"), (".gif", "RGB"), (".tif", "LAB")])
def test_what_is_decoded_whole_is_painted_too(
    suffix: str, mode: str, style: Path, tmp_path: Path, run: Run
) -> None:
    pixels = paint(40, 50, seed=3).tobytes()
    Image.frombytes(mode, (50, 40), pixels).save(tmp_path / f"a{suffix}")
    target = tmp_path / "b.webp"
    assert run("stylize", style, tmp_path / f"a{suffix}", "-o", target, "--memory", "1M")[0] == 0
    assert read_picture(target).rgb.shape == (40, 50, 3)


def test_the_way_is_chosen_by_the_disk_and_said(
    style: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    image = paint(64, 80, seed=3)

    def info_line(tiles: str, free: float) -> str:
        caplog.clear()
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
        Stylizer.load(style, engine="eager", memory=TINY_BUDGET, tiles=tiles)(image)  # type: ignore[arg-type]
        return caplog.text

    assert "with exact statistics\n" in info_line("auto", 1e12)
    assert "statistics of a reduced picture" in info_line("auto", 0)
    assert "with exact statistics, slowly" in info_line("exact", 0)
    assert "statistics of a reduced picture" in info_line("fast", 1e12)


@pytest.mark.parametrize("size", [(18, 5000), (5000, 18)])
def test_statistics_of_a_narrow_picture_are_taken_too(size: tuple[int, int], style: Path) -> None:
    image = paint(*size, seed=3)
    fast, exact = (
        Stylizer.load(style, engine="eager", device="cpu", memory=TINY_BUDGET, tiles=tiles)(image)
        for tiles in ("fast", "exact")
    )
    assert np.abs(np.asarray(fast, int) - np.asarray(exact, int)).max() <= 1


def test_what_is_too_small_is_painted_in_tiles_too(style: Path, tmp_path: Path, run: Run) -> None:
    image = paint(8, 200, seed=1)
    whole = np.asarray(Stylizer.load(style, engine="eager", device="cpu")(image), int)
    image.save(tmp_path / "a.png")
    options = ("--engine", "eager", "--device", "cpu", "--memory", "1M")
    assert run("stylize", style, tmp_path / "a.png", "-o", tmp_path / "b.png", *options)[0] == 0
    assert np.abs(read_picture(tmp_path / "b.png").rgb - whole).max() <= 1


def test_what_does_not_fit_after_all_goes_to_tiles(style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = Stylizer.load(style, device="cpu", engine="eager")
    expected = stylizer(paint(64, 80, seed=3))
    large = stylizer.large_pictures
    assert large is not None

    def out_of_memory(_: object) -> None:
        raise PictureTooLargeError("too large")

    monkeypatch.setattr(type(large.engine), "_run", lambda self, images: out_of_memory(images))
    apart = np.abs(np.asarray(stylizer(paint(64, 80, seed=3)), int) - np.asarray(expected, int))
    assert apart.max() <= 1


def test_a_full_disk_is_told_and_leaves_nothing(
    style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    paint(64, 80, seed=3).save(tmp_path / "a.png")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("allaprima.infer.tiles.feature_maps.FileMap.write", full)
    code, _, error = run("stylize", style, tmp_path / "a.png", "-o", tmp_path / "b.png", "--memory", "1M")
    assert code == 1
    assert "No space left on device" in error
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_exported_file_has_no_tiles(static_bytes_onnx_file: Path) -> None:
    stylizer = Stylizer.load(static_bytes_onnx_file, memory=TINY_BUDGET)
    assert stylizer.large_pictures is None
    with pytest.raises(ValueError, match="is an exported file, which paints every picture in one piece"):
        Stylizer.load(static_bytes_onnx_file, tiles="exact")
    with pytest.raises(
        PictureTooLargeError, match=r"0\.0 GB are free; no picture would fit: free memory, or"
    ):
        stylizer(paint(24, 32, seed=3))


def test_an_exported_file_refuses_what_the_budget_has_no_room_for(
    pt2_file: Path, tmp_path: Path, run: Run
) -> None:
    paint(1000, 1500, seed=3).save(tmp_path / "large.png")
    paint(40, 50, seed=3).save(tmp_path / "small.png")
    give_back_freed_memory()
    budget = (psutil.Process().memory_info().rss + 150 * 10**6) // 10**6
    code, _, error = run("stylize", pt2_file, tmp_path, "-o", tmp_path / "out", "--memory", f"{budget}M")
    assert code == 1
    assert "large.png" in error
    assert "1500x1000 needs about 0.2 GB" in error
    assert "would fit: --max-side" in error
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["small.png"]
