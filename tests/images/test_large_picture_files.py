"""Strips of a picture are what the whole picture is."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima.images import large_picture_files
from allaprima.images.large_picture_files import (
    NotInStripsError,
    encode_raw,
    picture_facts,
    read_strips,
    reads_strips,
)
from allaprima.images.picture_files import Picture, PictureError, read_picture

HEIGHT, WIDTH = 41, 29


@pytest.fixture(autouse=True)
def low_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_picture_files, "STRIP_ROWS", 16)


def noise(bands: int) -> np.ndarray:
    return np.random.default_rng(bands).integers(0, 256, (HEIGHT, WIDTH, bands), np.uint8)


def by_strips(path: Path) -> Picture:
    facts = picture_facts(path)
    assert reads_strips(facts)
    with read_strips(path, facts) as pieces_read:
        pieces = list(pieces_read)
    rgb = np.concatenate([piece.rgb for piece in pieces])
    assert rgb.shape[:2] == (facts.height, facts.width)
    opacity = [piece.alpha for piece in pieces if piece.alpha is not None]
    return Picture(rgb, np.concatenate(opacity) if opacity else None)


def assert_same(path: Path) -> None:
    expected, actual = read_picture(path), by_strips(path)
    np.testing.assert_array_equal(actual.rgb, expected.rgb)
    assert (actual.alpha is None) == (expected.alpha is None)
    if expected.alpha is not None and actual.alpha is not None:
        np.testing.assert_array_equal(actual.alpha, expected.alpha)


@pytest.mark.parametrize(
    ("name", "mode", "bands"),
    [
        ("a.png", "RGB", 3),
        ("a.png", "RGBA", 4),
        ("a.png", "LA", 2),
        ("a.jpg", "RGB", 3),
        ("a.jpg", "L", 1),
        ("a.jpg", "CMYK", 4),
        ("a.tif", "RGBA", 4),
        ("a.tif", "CMYK", 4),
    ],
)
def test_strips_are_the_picture(name: str, mode: str, bands: int, tmp_path: Path) -> None:
    Image.frombytes(mode, (WIDTH, HEIGHT), noise(bands).tobytes()).save(tmp_path / name)
    assert_same(tmp_path / name)


def save_with_extra_band(path: Path, bands: int, kind: int) -> None:
    """Write a TIFF file that says its last band is 0, anything, or 1, opacity multiplied into the colours."""
    mode = {2: "LA", 4: "RGBA"}[bands]
    pixels = noise(bands)
    if kind == 1:
        pixels[..., :-1] = np.minimum(pixels[..., :-1], pixels[..., -1:])
    Image.frombytes(mode, (WIDTH, HEIGHT), pixels.tobytes()).save(path)
    opacity, other = (struct.pack("<HHIH", 338, 3, 1, value) for value in (2, kind))
    content = path.read_bytes()
    assert content.count(opacity) == 1
    path.write_bytes(content.replace(opacity, other))


@pytest.mark.parametrize("bands", [2, 4])
def test_an_extra_band_that_is_no_opacity_is_dropped(bands: int, tmp_path: Path) -> None:
    save_with_extra_band(tmp_path / "a.tif", bands, kind=0)
    assert by_strips(tmp_path / "a.tif").alpha is None
    assert_same(tmp_path / "a.tif")


@pytest.mark.parametrize("bands", [2, 4])
def test_colours_that_were_multiplied_by_their_opacity_are_as_before(bands: int, tmp_path: Path) -> None:
    save_with_extra_band(tmp_path / "a.tif", bands, kind=1)
    whole, strips = read_picture(tmp_path / "a.tif"), by_strips(tmp_path / "a.tif")
    stored = np.asarray(noise(bands), float)
    expected = np.minimum(stored[..., :-1], stored[..., -1:]) * 255 / stored[..., -1:].clip(1)
    seen = stored[..., -1] > 0
    for picture in (whole, strips):
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, stored[..., -1])
        assert np.abs(picture.rgb[seen] - expected[seen]).max() <= 1


def test_lab_is_for_others(tmp_path: Path) -> None:
    Image.frombytes("LAB", (WIDTH, HEIGHT), noise(3).tobytes()).save(tmp_path / "a.tif")
    assert not reads_strips(picture_facts(tmp_path / "a.tif"))


def test_palettes_and_16_bits(tmp_path: Path) -> None:
    Image.fromarray(noise(3)).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(noise(1)[..., 0].astype(np.uint16) * 257).save(tmp_path / "grey.png")
    for path in tmp_path.iterdir():
        assert_same(path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_strips_are_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(3)).save(path, exif=exif)
    assert_same(path)


def test_what_is_cut_short_is_named(tmp_path: Path) -> None:
    Image.fromarray(noise(3)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match=r"b\.png' cannot be read"):
        by_strips(tmp_path / "b.png")
    (tmp_path / "c.png").write_text("a poem")
    with pytest.raises(PictureError, match=r"c\.png' cannot be read: it is not a picture"):
        picture_facts(tmp_path / "c.png")


def test_floating_point_is_for_others(tmp_path: Path) -> None:
    Image.fromarray(noise(1)[..., 0].astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(NotInStripsError, match="float"):
        by_strips(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("transparent", [False, True])
def test_bare_pixels_become_a_picture(suffix: str, transparent: bool, tmp_path: Path) -> None:
    rgb, alpha = noise(3), noise(1)
    (tmp_path / "rgb").write_bytes(rgb.tobytes())
    (tmp_path / "alpha").write_bytes(alpha.tobytes())
    target = tmp_path / f"a{suffix}"
    opacity = tmp_path / "alpha" if transparent else None
    encode_raw(tmp_path / "rgb", opacity, target, size=(HEIGHT, WIDTH), quality=100)
    picture = read_picture(target)
    assert (picture.height, picture.width) == (HEIGHT, WIDTH)
    if suffix != ".jpg":
        np.testing.assert_array_equal(picture.rgb, rgb)
        assert (picture.alpha is not None) == transparent
    else:
        share = alpha / 255 if transparent else np.ones(alpha.shape)
        expected = rgb * share + 255 * (1 - share)
        assert np.abs(picture.rgb.astype(float) - expected).mean() < 2
    assert {path.name for path in tmp_path.iterdir()} == {"rgb", "alpha", target.name}


def test_large_tiffs_are_tiled_pyramids_and_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 700
    (tmp_path / "rgb").write_bytes(bytes(size * size * 3))
    encode_raw(tmp_path / "rgb", None, tmp_path / "a.tif", size=(size, size), quality=95)
    with Image.open(tmp_path / "a.tif") as image:
        assert image.tag_v2[322] == 256  # type: ignore[attr-defined]
        assert image.n_frames == 3  # type: ignore[attr-defined]
    assert (tmp_path / "a.tif").read_bytes()[2] == 42
    monkeypatch.setattr(large_picture_files, "_BIGTIFF_FROM", 1000)
    encode_raw(tmp_path / "rgb", None, tmp_path / "b.tif", size=(size, size), quality=95)
    assert (tmp_path / "b.tif").read_bytes()[2] == 43
    assert_same(tmp_path / "b.tif")


def test_nothing_is_left_where_a_format_ends_or_there_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "rgb").write_bytes(bytes(70_000 * 3))
    with pytest.raises(ValueError, match=r"JPEG ends at 65500 a side; write \.png or \.tif"):
        encode_raw(tmp_path / "rgb", None, tmp_path / "a.jpg", size=(1, 70_000), quality=95)
    with pytest.raises(OSError, match="nowhere"):
        encode_raw(tmp_path / "rgb", None, tmp_path / "nowhere" / "a.png", size=(1, 70_000), quality=95)
    assert [path.name for path in tmp_path.iterdir()] == ["rgb"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_names_need_not_be_text(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"{os.fsdecode(b'caf' + bytes([0xE9]))}.{suffix}"
    Image.fromarray(noise(3)).save(path)
    assert_same(path)
    (tmp_path / "rgb.raw").write_bytes(noise(3).tobytes())
    target = path.with_stem(f"{path.stem}-2")
    encode_raw(tmp_path / "rgb.raw", None, target, size=(HEIGHT, WIDTH), quality=95)
    assert read_picture(target).rgb.shape == (HEIGHT, WIDTH, 3)
