"""Files that are called TIFF, or begin as one: unusual numbers, and raw photographs behind a preview."""

import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from allaprima.images import picture_files
from allaprima.images.picture_files import PictureError, read_picture

RAMP = np.linspace(0, 1, 12).reshape(3, 4)
LEVELS = np.rint(RAMP * 255)


def tiff(values: NDArray[Any], *, white_is_zero: bool = False, samples: int = 1) -> bytes:
    """Return an uncompressed TIFF file, written here, since Pillow writes no such kinds."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    bits = values.dtype.itemsize * 8
    height, width = values.shape[:2]
    extra = [(338, 3, 1, 2)] if samples in (2, 5) else []
    photometric = {1: 0 if white_is_zero else 1, 3: 2, 5: 5}[samples]
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, samples, bits), (259, 3, 1, 1)]
    tags += [(262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, samples), (278, 4, 1, height)]
    tags += [(279, 4, 1, values.nbytes), *extra, (339, 3, samples, kind)]
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    start, behind = 8 + len(data), b""
    after = start + 2 + 12 * len(tags) + 4
    directory = struct.pack("<H", len(tags))
    for tag, form, count, value in sorted(tags):
        if count > 2:
            packed = struct.pack("<I", after + len(behind))
            behind += struct.pack("<H", value) * count
        else:
            packed = (
                struct.pack("<HH", value, value if count == 2 else 0)
                if form == 3
                else struct.pack("<I", value)
            )
        directory += struct.pack("<HHI", tag, form, count) + packed
    return struct.pack("<2sHI", b"II", 42, start) + data + directory + struct.pack("<I", 0) + behind


@pytest.mark.parametrize(
    ("dtype", "white", "white_is_zero"),
    [
        (np.uint16, 2**16 - 1, False),
        (np.uint16, 2**16 - 1, True),
        (np.uint32, 2**32 - 1, False),
        (np.int32, 2**31 - 1, False),
        (np.int16, 2**15 - 1, False),
        (np.float32, 1, False),
        (np.uint8, 255, True),
    ],
)
def test_greys_are_read_from_black_to_white(dtype: type, white: float, white_is_zero: bool) -> None:
    values = (1 - RAMP if white_is_zero else RAMP) * white
    read = read_picture(tiff(values.astype(dtype), white_is_zero=white_is_zero)).rgb[..., 0]
    assert np.abs(read - LEVELS).max() <= 1


@pytest.mark.parametrize("highest", [3.24, 12.0])
def test_light_beyond_white_is_neither_black_nor_all_white(highest: float) -> None:
    values = np.linspace(0, highest, 10_000, dtype=np.float32).reshape(100, 100)
    levels = read_picture(tiff(values)).rgb[..., 0]
    assert levels.min() == 0
    assert 100 < levels.mean() < 150


def test_a_few_highlights_do_not_darken_the_rest() -> None:
    values = np.full((100, 100), 0.5, np.float32)
    values[0, :3] = 14
    assert read_picture(tiff(values)).rgb[50, 50, 0] == 128


COLOURS = np.stack([RAMP, 1 - RAMP, RAMP**2], axis=-1)
OPAQUE = np.ones((3, 4, 1))


@pytest.mark.parametrize(
    ("values", "samples"),
    [
        (COLOURS.astype(np.float32), 3),
        (COLOURS.astype(np.float16), 3),
        ((COLOURS * (2**32 - 1)).astype(np.uint32), 3),
        ((np.concatenate([1 - COLOURS, 0 * OPAQUE, OPAQUE], -1) * 255 + 0.5).astype(np.uint8), 5),
        ((np.concatenate([1 - COLOURS, 0 * OPAQUE, OPAQUE], -1) * 65535).astype(np.uint16), 5),
    ],
)
def test_colours_that_pillow_has_no_mode_for(values: NDArray[Any], samples: int, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(values, samples=samples))
    for source in (tmp_path / "a.tif", tiff(values, samples=samples)):
        picture = read_picture(source)
        assert np.abs(picture.rgb - COLOURS * 255).max() <= 1
        assert picture.alpha is None or picture.alpha.min() == 255


@pytest.mark.parametrize("name", ["a[page=1].tif", os.fsdecode(b"caf\xe9.tif"), "-x.tif", "a b\n.tif"])
def test_names_are_no_matter(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(tiff(COLOURS.astype(np.float32), samples=3))
    for path in (Path(name), tmp_path / name):
        assert np.abs(read_picture(path).rgb - COLOURS * 255).max() <= 1


def test_what_becomes_white_is_said_once_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.tif").write_bytes(tiff((3 * COLOURS).astype(np.float32), samples=3))
    with caplog.at_level("INFO"):
        for _ in range(3):
            read_picture(tmp_path / "a.tif")
    said = [text for text in caplog.messages if "values reach" in text]
    assert len(said) == 1
    assert said[0].startswith(f"picture '{tmp_path / 'a.tif'}': values reach 3; ")


def test_libvips_says_nothing_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its lines name no file; the error does."""
    content = bytearray(tiff(np.ones((64, 80, 3), np.float32), samples=3))
    size = content.index(struct.pack("<HHI", 279, 4, 1)) + 8
    content[size : size + 4] = struct.pack("<I", 1 << 30)  # bytes of pixels
    rows = content.index(struct.pack("<HHI", 257, 4, 1)) + 8
    content[rows : rows + 4] = struct.pack("<I", 4000)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(PictureError, match=r"a\.tif' cannot be read: its data is cut short or damaged"):
        read_picture(tmp_path / "a.tif")
    assert "VIPS" not in caplog.text


def test_16_bits_in_planes_of_their_own_are_no_bytes() -> None:
    pixels = (COLOURS * 65535).astype(np.uint16)
    assert np.abs(read_picture(planar(pixels)).rgb - COLOURS * 255).max() <= 1


def planar(values: NDArray[np.uint16]) -> bytes:
    """Return an RGB file whose planes lie one after the other."""
    height, width, _ = values.shape
    data = values.transpose(2, 0, 1).astype("<u2").tobytes()
    plane = len(data) // 3
    behind = 8 + len(data) + 2 + 12 * 11 + 4
    longs = struct.pack("<3I", 8, 8 + plane, 8 + 2 * plane), struct.pack("<3I", plane, plane, plane)
    tags = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, behind), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 3, behind + 6), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 3, behind + 18)),
        *((284, 3, 1, 2), (339, 3, 1, 1)),
    ]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    count = struct.pack("<H", len(tags))
    return header + data + count + directory + bytes(4) + struct.pack("<3H", 16, 16, 16) + b"".join(longs)


def test_12_bits_are_white_at_4095() -> None:
    """Two numbers in three bytes; Pillow reads them as they are, in 16 bits."""
    numbers = np.rint(RAMP * 4095).astype(int)
    packed = bytearray()
    for first, second in numbers.reshape(-1, 2):
        packed += bytes([first >> 4, (first & 15) << 4 | second >> 8, second & 255])
    content = bytearray(tiff(np.frombuffer(packed, np.uint8).reshape(3, 6)))
    tags = content.index(struct.pack("<HHI", 256, 4, 1))
    for number in range(10):
        tag, form, count, value = struct.unpack_from("<HHII", content, tags + 12 * number)
        value = {256: 4, 258: 12}.get(tag, value)
        struct.pack_into("<HHII", content, tags + 12 * number, tag, form, count, value)
    assert np.abs(read_picture(bytes(content)).rgb[..., 0] - LEVELS).max() <= 1


@pytest.mark.parametrize(
    ("values", "samples", "message"),
    [
        (
            np.zeros((4, 4, 3), np.float64),
            3,
            r"3 x 64 bits, floating point numbers\): save it as RGB",
        ),
        (np.zeros((4, 4), np.uint64), 1, r"of a kind that is not read \(1 x 64 bits, whole numbers"),
        (np.zeros((4, 4), np.float64), 1, r"of a kind that is not read \(1 x 64 bits, floating point"),
    ],
)
def test_what_is_not_read_is_not_called_damaged(values: NDArray[Any], samples: int, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        read_picture(tiff(values, samples=samples))


@pytest.mark.parametrize("compression", [34661, 34712, 50002])
def test_a_compression_that_is_not_read_is_named(compression: int) -> None:
    """JBIG, JPEG 2000 and JPEG XL."""
    content = bytearray(tiff(np.zeros((4, 4, 3), np.uint8), samples=3))
    place = content.index(struct.pack("<HHI", 259, 3, 1)) + 8
    content[place : place + 2] = struct.pack("<H", compression)
    with pytest.raises(
        PictureError, match=rf"compressed in a way that is not read \({compression}\); LZW is"
    ):
        read_picture(bytes(content))


def preview(**tags: Any) -> bytes:
    """Return a TIFF file whose tags say that it is the preview of a raw photograph."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        number = int(name.removeprefix("tag"))
        info[number] = value
        if isinstance(value, bytes):
            info.tagtype[number] = 1
    file = io.BytesIO()
    Image.new("RGB", (12, 9), "red").save(file, "TIFF", tiffinfo=info)
    return file.getvalue()


RAWS = [
    preview(tag50706=b"\1\4\0\0"),
    preview(tag254=1, tag330=8),
    b"FUJIFILMCCD-RAW 0201" + bytes(100),
    b"\0\0\0\x18ftypcrx \0\0\0\1" + bytes(100),
]


@pytest.mark.parametrize("data", RAWS)
def test_a_raw_photograph_is_never_its_preview(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureError):  # these are not whole
        read_picture(data)

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(picture_files, "import_module", missing)
    message = r"it is a raw photograph; install 'allaprima\[raw\]' to read those, or export it as TIFF"
    with pytest.raises(PictureError, match=message):
        read_picture(data)


@pytest.mark.shared
def test_a_raw_photograph_is_read_whole(shared: Path) -> None:
    pytest.importorskip("rawpy")
    picture = read_picture(shared / "data" / "faults" / "photo.dng")
    assert (picture.width, picture.height) == (320, 240)  # its preview has 128x96
    assert picture.rgb.std() > 10


def test_libtiff_says_nothing_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """Pillow's error becomes ours, which names the file."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    Image.fromarray(pixels).save(file, "TIFF", compression="tiff_adobe_deflate")
    data = bytearray(file.getvalue())
    data[5000:5060] = bytes(60)
    with pytest.raises(PictureError, match="cut short or damaged"):
        read_picture(bytes(data))
    assert capfd.readouterr() == ("", "")
