"""Reading and writing pictures: orientation, alpha, limits, messages, atomic files."""

import io
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from allaprima.images.picture_files import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_QUALITY,
    WRITABLE_SUFFIXES,
    Picture,
    PictureError,
    TooManyPixelsError,
    read_picture,
    write_picture,
)
from tests.conftest import largest_file

# Where the top left pixel of a file of 3 x 2 (width x height) belongs, as (row, column).
ORIENTATIONS = {1: (0, 0), 2: (0, 2), 3: (1, 2), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (2, 1), 8: (2, 0)}


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_is_applied(orientation: int, format: str) -> None:
    image = Image.new("RGBA", (3, 2))
    image.putpixel((0, 0), (255, 10, 0, 200))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(encoded(image, format, exif=exif))
    assert (picture.height, picture.width) == ((2, 3) if orientation < 5 else (3, 2))
    place = ORIENTATIONS[orientation]
    assert picture.rgb[place].tolist() == [255, 10, 0]
    assert picture.alpha is not None
    assert picture.alpha[place] == 200
    assert picture.rgb.flags["C_CONTIGUOUS"]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_damaged_exif_is_ignored() -> None:
    image = Image.fromarray(smooth(8, 8))
    assert read_picture(encoded(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).width == 8


def test_palette_transparency_becomes_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    picture = read_picture(encoded(image, transparency=bytes([40, 255])))
    assert picture.rgb[0].tolist() == [[255, 0, 0], [0, 255, 0]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[40, 255]]


def test_transparent_colour_of_rgb_becomes_alpha() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    picture = read_picture(encoded(image, transparency=(9, 9, 9)))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0]]


def test_opaque_picture_has_no_alpha() -> None:
    assert read_picture(encoded(Image.new("RGB", (2, 2)))).alpha is None


def test_colour_under_transparency_is_kept() -> None:
    picture = read_picture(encoded(Image.new("RGBA", (2, 2), (200, 100, 50, 0))))
    assert picture.rgb[0, 0].tolist() == [200, 100, 50]


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_picture(data).rgb[0, 0].tolist() == [255, 0, 0]


def test_16_bit_png_is_scaled() -> None:
    levels = np.arange(256)
    image = Image.fromarray((levels * 257).astype(np.uint16)[None])
    assert read_picture(encoded(image)).rgb[0, :, 1].tolist() == levels.tolist()


def test_jpeg_is_decoded_smaller_where_that_is_enough() -> None:
    data = encoded(Image.fromarray(smooth(200, 120)), "JPEG")
    assert read_picture(data, min_side=30).rgb.shape == (50, 30, 3)
    assert read_picture(data, min_side=31).rgb.shape == (100, 60, 3)
    assert read_picture(data, min_side=120).rgb.shape == (200, 120, 3)
    assert read_picture(data, min_side=500).rgb.shape == (200, 120, 3)


def test_limit_is_named_and_can_be_raised() -> None:
    data = encoded(Image.new("L", (30, 20)))
    with pytest.raises(TooManyPixelsError, match=r"30x20 pixels, more than the limit of 599$"):
        read_picture(data, max_pixels=599)
    assert read_picture(data, max_pixels=600).width == 30


@pytest.mark.parametrize("format", ["PNG", "TIFF", "GIF", "WEBP"])
def test_limit_can_be_raised_above_that_of_pillow(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = encoded(Image.new("RGB", (30, 20)), format)
    assert read_picture(data, max_pixels=DEFAULT_MAX_PIXELS + 1).width == 30
    assert Image.MAX_IMAGE_PIXELS == 100


def test_limit_of_pillow_inside_its_plugins_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(TooManyPixelsError, match=r"too many pixels, more than the limit of \d+$"):
        read_picture(encoded(Image.new("RGB", (30, 20)), "TIFF"))


def test_threads_restore_the_limit_of_pillow() -> None:
    before = Image.MAX_IMAGE_PIXELS
    data = encoded(Image.fromarray(noise(40, 30)))
    limits = [DEFAULT_MAX_PIXELS + 1 + index for index in range(32)] + [DEFAULT_MAX_PIXELS] * 32
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda limit: read_picture(data, max_pixels=limit), limits))
    assert all((picture.rgb == noise(40, 30)).all() for picture in pictures)
    assert before == Image.MAX_IMAGE_PIXELS


def test_text_bomb_is_refused() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("bomb", "a" * 2_000_000, zip=True)
    with pytest.raises(PictureError, match="too large"):
        read_picture(encoded(Image.new("L", (2, 2)), pnginfo=text))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "picture cannot be read: the file is empty"),
        (b"hello, this is text", "it is not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 40, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\xf4" * 40, r"its PNG data is damaged \(broken PNG file"),
        (encoded(Image.fromarray(noise(40, 40)))[:2000], "cut short or damaged"),
        (encoded(Image.fromarray(noise(40, 40)), "JPEG")[:900], "cut short or damaged"),
        (encoded(Image.fromarray(noise(40, 40)), "WEBP")[:900], "damaged"),
        (encoded(Image.fromarray(noise(40, 40)), "AVIF")[:900], "damaged"),
    ],
)
def test_bad_data_is_explained(data: bytes, message: str) -> None:
    with pytest.raises(PictureError, match=message) as caught:
        read_picture(data)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_bad_paths_are_explained(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"picture '.*none.jpg' cannot be read: it does not exist"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(PictureError, match="it is a folder"):
        read_picture(tmp_path)


def test_heif_without_its_plugin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"install 'allaprima\[heif\]'"):
        read_picture(b"\0\0\0\x1cftypheic" + b"\0" * 16)


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_written_pictures_read_back(suffix: str, tmp_path: Path) -> None:
    picture = Picture(smooth(61, 47), np.full((61, 47), 255, np.uint8))
    write_picture(picture, tmp_path / f"a{suffix}", quality=DEFAULT_QUALITY)
    again = read_picture(tmp_path / f"a{suffix}")
    assert again.rgb.shape == (61, 47, 3)
    assert np.abs(again.rgb.astype(int) - picture.rgb).mean() < 2
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif"])
def test_alpha_is_written(suffix: str, tmp_path: Path) -> None:
    alpha = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None], 64, axis=0)
    write_picture(Picture(smooth(64, 64), alpha), tmp_path / f"a{suffix}")
    again = read_picture(tmp_path / f"a{suffix}").alpha
    assert again is not None
    assert np.abs(again.astype(int) - alpha).max() <= 3


def test_jpeg_is_put_on_white(tmp_path: Path) -> None:
    alpha = np.repeat(np.array([[0, 51, 255]], np.uint8), 16, axis=0).repeat(16, axis=1)
    write_picture(Picture(np.zeros((16, 48, 3), np.uint8), alpha), tmp_path / "a.jpg", quality=100)
    columns = read_picture(tmp_path / "a.jpg").rgb[8, [8, 24, 40], 0].tolist()
    assert columns == pytest.approx([255, 204, 0], abs=3)


def test_jpeg_keeps_full_colour_resolution(tmp_path: Path) -> None:
    write_picture(Picture(noise(16, 16)), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert isinstance(image, Image.Image)
        assert {(h, v) for _, h, v, _ in image.layer} == {(1, 1)}  # type: ignore[attr-defined]


def test_unwritable_suffix_names_the_writable(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be one of \.jpg, \.jpeg, \.png"):
        write_picture(Picture(noise(4, 4)), tmp_path / "a.gif")


def test_side_limit_of_a_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="WEBP ends at 16383"):
        write_picture(Picture(np.zeros((1, 16_384, 3), np.uint8)), tmp_path / "a.webp")


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
@pytest.mark.parametrize("missing", [1, 500, 0])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str, missing: int) -> None:
    """Encoders write the last block and do not look whether it was taken."""
    whole = tmp_path / f"whole{suffix}"
    write_picture(Picture(noise(150, 200)), whole)
    size = whole.stat().st_size - missing if missing else 1
    whole.unlink()
    target = tmp_path / f"a{suffix}"
    target.write_bytes(b"old")

    with largest_file(size), pytest.raises(OSError, match="too large"):
        write_picture(Picture(noise(150, 200)), target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_picture(Picture(noise(4, 4)), tmp_path / "none" / "a.png")


def test_picture_checks_its_arrays() -> None:
    with pytest.raises(ValueError, match="rgb is float64"):
        Picture(np.zeros((2, 2, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"alpha is uint8 \(3, 2\); expected uint8 \(2, 2\)"):
        Picture(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_picture_makes_the_round_trip_through_pillow() -> None:
    picture = Picture(noise(5, 7), noise(5, 7, 1)[..., 0])
    again = Picture.from_image(picture.to_image())
    assert (again.rgb == picture.rgb).all()
    assert again.alpha is not None
    assert picture.alpha is not None
    assert (again.alpha == picture.alpha).all()


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match=r"pipe.png' cannot be read: it is a pipe or a device, not a file"):
        read_picture(tmp_path / "pipe.png")


def test_a_link_to_itself_is_explained(tmp_path: Path) -> None:
    (tmp_path / "self.png").symlink_to("self.png")
    with pytest.raises(PictureError, match="cannot be read: it is a link that leads back to itself"):
        read_picture(tmp_path / "self.png")


@pytest.mark.parametrize("format", ["ICO", "ICNS", "DDS", "SGI", "PPM", "JPEG2000", "MPO"])
def test_what_pillow_writes_of_these_is_read(format: str) -> None:
    read = read_picture(encoded(Image.new("RGB", (64, 64), "teal"), format)).rgb
    assert np.abs(read.astype(int) - (0, 128, 128)).max() < 4
