"""Numbers that are seldom met in JPEG 2000, JPEG and PNG are read right, or refused with the true reason."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from allaprima.images.large_picture_files import picture_facts, read_strips
from allaprima.images.picture_files import PictureError, read_picture


def deep_jpeg_2000(bits: int) -> bytes:
    """Return a colour picture whose header says that it has more bits."""
    file = io.BytesIO()
    Image.new("RGB", (32, 24), "white").save(file, "JPEG2000")
    content = bytearray(file.getvalue())
    start = content.index(b"\xff\x4f\xff\x51")
    for channel in range(3):
        content[start + 42 + 3 * channel] = bits - 1
    return bytes(content)


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow has no OpenJPEG")
def test_deep_colours_of_jpeg_2000_are_refused() -> None:
    """Pillow rounds them, and white becomes black."""
    for bits in (12, 16):
        with pytest.raises(PictureError, match="JPEG 2000 colours have more than 8 bits"):
            read_picture(deep_jpeg_2000(bits))
    assert read_picture(deep_jpeg_2000(8)).rgb.min() == 255


@pytest.mark.parametrize("bits", [12, 16])
def test_a_jpeg_of_a_rare_kind_is_not_called_damaged(bits: int) -> None:
    file = io.BytesIO()
    Image.new("L", (32, 24)).save(file, "JPEG")
    content = bytearray(file.getvalue())
    content[content.index(b"\xff\xc0") + 4] = bits
    with pytest.raises(
        PictureError, match=rf"of a kind that is not read \(cannot handle {bits}-bit layers\)"
    ):
        read_picture(bytes(content))


def png(gamma: int | None, *, says_srgb: bool = False, mode: str = "RGB") -> bytes:
    """Return a ramp whose header says with which exponent it was encoded, in 100,000ths."""
    file = io.BytesIO()
    ramp = np.arange(256, dtype=np.uint8)[None].repeat(16, 0)
    Image.fromarray(ramp).convert(mode).save(file, "PNG")
    content = file.getvalue()
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            *(((b"gAMA", struct.pack(">I", gamma)),) if gamma else ()),
            *(((b"sRGB", b"\0"),) if says_srgb else ()),
        )
    )
    return content[:33] + chunks + content[33:]  # behind the header


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(("gamma", "exponent"), [(100_000, 1.0), (55_556, 1.8)])
def test_the_gamma_of_a_png_is_followed(gamma: int, exponent: float, mode: str, tmp_path: Path) -> None:
    light = (np.arange(256) / 255) ** exponent
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    (tmp_path / "a.png").write_bytes(png(gamma, mode=mode))
    read = read_picture(tmp_path / "a.png").rgb
    assert np.abs(read[0] - expected[:, None]).max() < 0.51
    with read_strips(tmp_path / "a.png", picture_facts(tmp_path / "a.png")) as strips:
        np.testing.assert_array_equal(np.concatenate([strip.rgb for strip in strips]), read)


def test_the_gamma_of_a_png_that_is_srgb_changes_nothing() -> None:
    plain = read_picture(png(None)).rgb
    for content in (png(45_455), png(45_000), png(100_000, says_srgb=True)):
        np.testing.assert_array_equal(read_picture(content).rgb, plain)


def test_a_bitmap_without_a_file_header_is_one() -> None:
    file = io.BytesIO()
    Image.new("RGB", (7, 5), (10, 20, 30)).save(file, "DIB")
    assert read_picture(file.getvalue()).rgb.reshape(-1, 3).tolist() == [[10, 20, 30]] * 35
