"""What is learned of a style picture is what is seen of it."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima.images.picture_files import PictureError
from allaprima.train.kept_style_pictures import keep_styles, kept_styles
from allaprima.train.style_picture import read_style_picture


def cutout(path: Path, opacity: int = 255, *, hidden: int = 0) -> Path:
    """Write a red disc of 40x30 pixels with noise under the transparent areas around it."""
    noise = np.random.default_rng(hidden).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    y, x = np.mgrid[:80, :90]
    disc = ((x - 40) / 20) ** 2 + ((y - 30) / 15) ** 2 < 1
    noise[disc] = (200, 0, 0)
    alpha = np.where(disc, opacity, 0).astype(np.uint8)
    Image.fromarray(np.dstack([noise, alpha])).save(path)
    return path


def test_hidden_pixels_are_no_style(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    style = read_style_picture(cutout(tmp_path / "cutout.png"), None)
    assert style.pixels.shape == (29, 39, 4)  # no more than the disc
    seen = style.pixels[..., 3] > 0
    assert {tuple(colour) for colour in style.pixels[seen]} == {(200, 0, 0, 255)}
    assert {tuple(colour) for colour in style.on("#0000ff")[~seen]} == {(0, 0, 255)}
    assert caplog.text.count("has transparent areas, which take no part in the style") == 1


def test_an_opaque_picture_is_taken_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Image.new("RGBA", (20, 30), (1, 2, 3, 255)).save(tmp_path / "a.png")
    assert read_style_picture(tmp_path / "a.png", None).pixels.shape == (30, 20, 3)
    assert not caplog.text


def test_a_picture_on_a_transparent_canvas_is_the_picture_alone(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    pixels[20:45, 10:50, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[20:45, 10:50, :3]).save(tmp_path / "b.png")
    one, other = (read_style_picture(tmp_path / name, 20) for name in ("a.png", "b.png"))
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_what_is_kept_of_a_style_is_read_as_it_was(tmp_path: Path) -> None:
    style = read_style_picture(cutout(tmp_path / "cutout.png"), 20)
    keep_styles(tmp_path / "kept", [style])
    (kept,) = kept_styles(tmp_path / "kept")
    np.testing.assert_array_equal(kept.pixels, style.pixels)
    again = read_style_picture(tmp_path / "kept" / "1.png", 20)
    np.testing.assert_array_equal(again.pixels, style.pixels)


def test_nothing_to_see_is_no_style(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"style '.*' is transparent all over"):
        read_style_picture(cutout(tmp_path / "cutout.png", opacity=0), None)
