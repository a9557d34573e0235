"""Hidden pixels of a style picture leave no trace in what any command makes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from allaprima.images.picture_files import read_picture
from allaprima.models.style_file import load_style, read_header
from allaprima.train.settings.config import DataSettings
from tests.conftest import Run, paint

HIDDEN = (1, 2)
"""Seeds of the noise under the transparent areas of two pictures that look the same."""


def cutout(path: Path, hidden: int) -> Path:
    """Write a painting cut out as a disc; what is hidden around it is noise."""
    pixels = np.random.default_rng(hidden).integers(0, 256, (90, 100, 4), dtype=np.uint8)
    y, x = np.mgrid[:90, :100]
    pixels[..., 3] = np.clip((40 - np.hypot(y - 45, x - 50)) * 60, 0, 255)
    seen = pixels[..., 3] > 0
    pixels[seen, :3] = np.asarray(paint(90, 100, seed=7))[seen]
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def config(settings: dict[str, Any], tmp_path: Path) -> Path:
    """The settings of a small run of four steps, with two sizes of the style picture."""
    values = {name: value for name, value in settings.items() if name != "style"}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**values, "style_size": 64, "style_scales": 2, "max_steps": 4}))
    return path


def weights(style_file: Path) -> dict[str, Any]:
    return {name: value.numpy() for name, value in load_style(style_file).network.state_dict().items()}


def test_a_style_is_trained_resumed_and_evaluated_by_what_is_seen(
    run: Run,
    config: Path,
    small_weights_file: Path,
    settings: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    totals = []
    for hidden in HIDDEN:
        picture, folder = cutout(tmp_path / f"{hidden}" / "disc.png", hidden), tmp_path / f"run{hidden}"
        code, _, error = run("train", "--config", config, "--style", picture, "-o", folder)
        assert code == 0, error
        assert caplog.text.count("which take no part in the style") == 1
        assert run("train", "--resume", folder, "--max-steps", 6)[0] == 0
        picture.unlink()  # the run keeps its own copy
        loss = ("--loss-weights", small_weights_file, "-o", tmp_path / f"report{hidden}")
        content = Path(settings["content"]) / "00.jpg"
        code, _, error = run("evaluate", folder / "disc.safetensors", "--content", content, *loss)
        assert code == 0, error
        report = json.loads((tmp_path / f"report{hidden}" / "report.json").read_text())
        totals.append(report["mean"]["terms"])
        caplog.clear()
    first, second = (tmp_path / f"run{hidden}" / "disc.safetensors" for hidden in HIDDEN)
    for name, value in weights(first).items():
        np.testing.assert_array_equal(value, weights(second)[name], err_msg=name)
    assert read_header(first).validation == read_header(second).validation
    assert totals[0] == totals[1]
    sheet, other = (read_picture(file.parent / "contact-sheet.png").rgb for file in (first, second))
    np.testing.assert_array_equal(sheet, other)
    assert read_header(first).style_thumbnail == read_header(second).style_thumbnail


def test_a_base_is_trained_on_what_is_seen(
    run: Run, config: Path, style_picture: Path, tmp_path: Path
) -> None:
    for hidden in HIDDEN:
        folder = tmp_path / f"styles{hidden}"
        cutout(folder / "disc.png", hidden)
        (folder / "waves.png").write_bytes(style_picture.read_bytes())
        arguments = ("--styles", folder, "-o", tmp_path / f"base{hidden}")
        code, _, error = run("train-base", "--config", config, *arguments)
        assert code == 0, error
    first, second = (tmp_path / f"base{hidden}" / "styles" / "disc.safetensors" for hidden in HIDDEN)
    for name, value in weights(first).items():
        np.testing.assert_array_equal(value, weights(second)[name], err_msg=name)


def test_a_picture_is_optimised_towards_what_is_seen(
    run: Run, small_weights_file: Path, photographs: Path, tmp_path: Path
) -> None:
    layers = ("--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1", "--steps", 6, "--scales", 2)
    for hidden in HIDDEN:
        style = cutout(tmp_path / f"{hidden}.png", hidden)
        named = ("--style", style, "--loss-weights", small_weights_file, "-o", tmp_path / f"o{hidden}.png")
        assert run("optimize", photographs / "00.jpg", *named, *layers)[0] == 0
    first, second = (read_picture(tmp_path / f"o{hidden}.png").rgb for hidden in HIDDEN)
    np.testing.assert_array_equal(first, second)


def test_the_background_of_photographs_is_a_setting_of_the_run(
    run: Run, config: Path, style_picture: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Transparent photographs on green are green ones, and a run that goes on keeps that."""
    for name, mode in (("transparent", "RGBA"), ("green", "RGB")):
        (tmp_path / name).mkdir()
        for number in range(12):
            photo = Image.new(mode, (48, 40), (0, 200, 0, 0)[: len(mode)])
            photo.paste(paint(20, 48, seed=number).convert(mode), (0, 20))
            photo.save(tmp_path / name / f"{number:02}.png")
        arguments = ("--style", style_picture, "--content", tmp_path / name, "--background", "#00c800")
        code, _, error = run("train", "--config", config, *arguments, "-o", tmp_path / f"run-{name}")
        assert code == 0, error
        assert caplog.text.count("learned from as they look on #00c800") == (name == "transparent")
        caplog.clear()
    first, second = (tmp_path / f"run-{name}" / "waves.safetensors" for name in ("transparent", "green"))
    for name, value in weights(first).items():
        np.testing.assert_array_equal(value, weights(second)[name], err_msg=name)
    folder = tmp_path / "run-transparent"
    assert yaml.safe_load((folder / "config.yaml").read_text())["background"] == "#00c800"
    assert "--background '#00c800'" in read_header(first).command
    code, _, error = run("train", "--resume", folder, "--background", "white", "--max-steps", 5)
    assert (code, "background cannot change when" in error) == (2, True), error
    assert run("train", "--resume", folder, "--background", "rgb(0,200,0)", "--max-steps", 5)[0] == 0
    code, _, error = run("train", "--config", config, "--style", style_picture, "--background", "gren")
    assert (code, "error: background is 'gren'; expected a colour: white, black, " in error) == (2, True)


def test_a_run_of_before_is_on_white() -> None:
    assert DataSettings.model_validate({}).background == "white"
