"""What is learned of a style picture is what is seen of it."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima.images.picture_files import PictureError
from allaprima.train.style_picture import read_style_picture


def cutout(path: Path, opacity: int = 255) -> Path:
    """Write a red disc of 40x30 pixels with noise under the transparent areas around it."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    y, x = np.mgrid[:80, :90]
    disc = ((x - 40) / 20) ** 2 + ((y - 30) / 15) ** 2 < 1
    noise[disc] = (200, 0, 0)
    alpha = np.where(disc, opacity, 0).astype(np.uint8)
    Image.fromarray(np.dstack([noise, alpha])).save(path)
    return path


def test_hidden_pixels_are_no_style(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    style = read_style_picture(cutout(tmp_path / "cutout.png"), None)
    assert style.pixels.shape == (29, 39, 3)  # no more than the disc
    assert {tuple(colour) for colour in style.pixels.reshape(-1, 3)} == {(200, 0, 0), (255, 255, 255)}
    assert caplog.text.count("has transparent areas, which are cut off at its sides and white elsewhere") == 1


def test_an_opaque_picture_is_taken_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Image.new("RGBA", (20, 30), (1, 2, 3, 255)).save(tmp_path / "a.png")
    assert read_style_picture(tmp_path / "a.png", None).pixels.shape == (30, 20, 3)
    assert not caplog.text


def test_half_transparent_paint_is_paint(tmp_path: Path) -> None:
    style = read_style_picture(cutout(tmp_path / "cutout.png", opacity=128), None)
    assert {tuple(colour) for colour in style.pixels.reshape(-1, 3)} == {(227, 127, 127), (255, 255, 255)}


def test_nothing_to_see_is_no_style(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"style '.*' is transparent all over"):
        read_style_picture(cutout(tmp_path / "cutout.png", opacity=0), None)
