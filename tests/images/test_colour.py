"""Colour conversion against closed forms."""

import io
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from allaprima.images.colour import alpha_channel, to_srgb, with_colours_of
from allaprima.images.picture_files import read_picture


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile_with_red_and_blue_swapped() -> bytes:
    """An sRGB profile whose red and blue primaries changed places in the tag table."""
    data = bytearray(srgb_profile())
    (count,) = struct.unpack_from(">I", data, 128)
    entries = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    data[entries[b"rXYZ"] : entries[b"rXYZ"] + 4] = b"bXYZ"
    data[entries[b"bXYZ"] : entries[b"bXYZ"] + 4] = b"rXYZ"
    return bytes(data)


def uniform(mode: str, colour: object, **info: object) -> Image.Image:
    image = Image.new(mode, (2, 2), colour)  # type: ignore[arg-type]
    image.info.update(info)
    return image


def pixel(image: Image.Image) -> tuple[int, ...]:
    value = image.getpixel((0, 0))
    assert isinstance(value, tuple)
    return tuple(int(channel) for channel in value)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_16_bit_grey_is_scaled_exactly(mode: str) -> None:
    levels = np.arange(256)
    array = (levels * 257).astype({"I;16": "<u2", "I;16B": ">u2", "I": "<i4"}[mode])[None]
    image = Image.frombytes(mode, (256, 1), array.tobytes())
    assert (np.array(to_srgb(image))[0] == levels[:, None]).all()


def test_dark_16_bit_grey_stays_dark() -> None:
    image = Image.frombytes("I", (2, 1), np.array([0, 255], "<i4").tobytes())
    assert np.array(to_srgb(image)).max() == 1  # 255 / 65535 of 255, rounded


def test_16_bit_transparency_is_one_grey_level() -> None:
    image = Image.frombytes("I;16", (2, 1), np.array([7, 8], "<u2").tobytes())
    image.info["transparency"] = 7
    alpha = alpha_channel(image)
    assert alpha is not None
    assert np.array(alpha).tolist() == [[0, 255]]


@pytest.mark.parametrize(("values", "levels"), [([0, 0.2, 1], [0, 51, 255]), ([0, 51, 255], [0, 51, 255])])
def test_float_grey_takes_its_white_from_its_range(values: list[float], levels: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert np.array(to_srgb(image))[0, :, 0].tolist() == levels


def test_float_grey_survives_nan() -> None:
    image = Image.fromarray(np.array([[np.nan, np.inf, 1]], np.float32))
    assert np.array(to_srgb(image))[0, :, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("ink", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 55), (200, 200, 200)),
    ],
)
def test_cmyk_without_profile_is_complement(ink: tuple[int, ...], colour: tuple[int, ...]) -> None:
    assert pixel(to_srgb(uniform("CMYK", ink))) == colour


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "HSV", "YCbCr"]
)
def test_white_is_white_in_every_mode(mode: str) -> None:
    white = Image.new("L", (2, 2), 255)
    image = white.convert("LA").convert(mode) if mode in ("La", "PA") else white.convert("RGB")
    image = image.convert("RGBA") if mode == "RGBa" else image
    assert pixel(to_srgb(image.convert(mode))) == (255, 255, 255)


def test_profile_is_followed() -> None:
    swapped = profile_with_red_and_blue_swapped()
    assert pixel(to_srgb(uniform("RGB", (255, 0, 0), icc_profile=swapped))) == pytest.approx(
        (0, 0, 255), abs=2
    )
    grey = pixel(to_srgb(uniform("RGB", (90, 90, 90), icc_profile=swapped)))
    assert grey == pytest.approx((90, 90, 90), abs=2)


def test_profile_of_rgb_on_a_grey_picture() -> None:
    assert pixel(to_srgb(uniform("L", 90, icc_profile=srgb_profile()))) == (90, 90, 90)


def test_srgb_profile_changes_nothing() -> None:
    image = Image.effect_noise((16, 16), 90).convert("RGB")
    image.info["icc_profile"] = srgb_profile()
    assert (np.array(to_srgb(image)) == np.array(image)).all()


@pytest.mark.parametrize("profile", [b"nonsense", srgb_profile()[:200]])
def test_broken_profile_is_ignored_with_a_warning(profile: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert pixel(to_srgb(uniform("RGB", (1, 2, 3), icc_profile=profile), name="odd.jpg")) == (1, 2, 3)
    assert "odd.jpg: colour profile ignored" in caplog.text


def test_profile_of_another_colour_space_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    assert pixel(to_srgb(uniform("CMYK", (0, 0, 0, 0), icc_profile=srgb_profile()))) == (255, 255, 255)
    assert "a RGB profile on CMYK pixels" in caplog.text


def test_lab_file(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.new("RGB", (4, 4), (200, 60, 30)), srgb, lab, outputMode="LAB")
    assert image is not None
    image.save(tmp_path / "lab.tif")
    assert read_picture(tmp_path / "lab.tif").rgb[0, 0].tolist() == pytest.approx([200, 60, 30], abs=4)


def test_profile_survives_the_trip_through_a_file() -> None:
    data = io.BytesIO()
    profile = profile_with_red_and_blue_swapped()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(data, "PNG", icc_profile=profile)
    assert read_picture(data.getvalue()).rgb[0, 0].tolist() == pytest.approx([0, 0, 255], abs=2)


def test_luminance_of_the_painting_and_chroma_of_the_photograph() -> None:
    """The I and Q of the result are the photograph's, by an independent matrix."""
    generator = np.random.default_rng(0)
    photograph = generator.integers(90, 160, (300, 7, 3), dtype=np.uint8)
    painting = generator.integers(90, 160, (300, 7, 3), dtype=np.uint8)
    yiq = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    pictures = (with_colours_of(photograph, painting), photograph, painting)
    found, content, painted = (pixels.astype(float) @ yiq.T for pixels in pictures)
    assert np.abs(found[..., 0] - painted[..., 0]).max() < 0.6
    assert np.abs(found[..., 1:] - content[..., 1:]).max() < 0.7


def test_colours_that_would_leave_the_range_fade_and_keep_luminance_and_hue() -> None:
    photograph = np.array([[[255, 0, 0], [0, 0, 255], [40, 200, 90]]], np.uint8)
    painting = np.array([[[250, 250, 250], [255, 255, 255], [0, 0, 0]]], np.uint8)
    kept = with_colours_of(photograph, painting)
    assert (kept[0, 0, 1] == kept[0, 0, 2] < kept[0, 0, 0]).all()
    assert (kept[0, 1:] == painting[0, 1:]).all()  # no colour is as light, or as dark
    weights = [0.299, 0.587, 0.114]
    assert np.abs(kept @ weights - painting @ weights).max() < 0.6


def test_floats_keep_their_colours_as_bytes_do() -> None:
    generator = np.random.default_rng(1)
    photograph, painting = generator.random((2, 5, 6, 3), dtype=np.float32)
    kept = with_colours_of(photograph, painting, white=1)
    assert kept.dtype == np.float32
    levels = with_colours_of(photograph * np.float32(255), painting * np.float32(255))
    np.testing.assert_allclose(kept * 255, levels, atol=1e-3)
