"""Every odd or broken real-world file through the command line: a picture, or its reason."""

import sys
from pathlib import Path

import pytest
import torch

from allaprima import __main__
from allaprima.images.picture_files import read_picture
from allaprima.models.style_file import StyleHeader, save_style
from allaprima.models.transformer import TransformerNetwork

FOLDER = Path(__file__).parent.parent.parent / "shared" / "data" / "bad-inputs"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/data/bad-inputs"),
    pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning"),
]

# Width, height and whether there is transparency.
PICTURES = {
    "cmyk.jpg": (100, 100, False),
    "gray.jpg": (128, 128, False),
    "gray16.png": (700, 50, False),
    "color16.png": (700, 50, False),
    "la.png": (200, 32, True),
    "rgba_transparent.png": (200, 150, True),
    "palette_trns.png": (64, 64, True),
    "exif_orientation_6.jpg": (128, 128, False),
    "animated.gif": (245, 245, False),
    "transparent.webp": (200, 150, True),
    "icc_big.jpg": (425, 250, False),
    "DERIVED_webp_named.jpg": (128, 128, False),
    "one_pixel.png": (1, 1, False),
}
NO_PICTURE = "cannot be read: it is not a picture, or not in a known format"
REASONS = {
    "truncated_jpeg.jpg": "cannot be read: its data is cut short or damaged",
    "broken.png": "cannot be read: its PNG data is damaged",
    "zero_byte.png": "cannot be read: the file is empty",
    "decompression_bomb.gif": "more than the limit of 89478485; --max-pixels raises the limit",
    "png_decompression_dos.png": "Decompressed data too large",
    "photo.heif": "it is a HEIF picture; install 'allaprima[heif]'",
    "multi_stream.mp4": NO_PICTURE,
    "hevc_10bit.mp4": NO_PICTURE,
    "audio_only.mp3": NO_PICTURE,
    "DERIVED_truncated_half.mp4": NO_PICTURE,
    "DERIVED_text_named.jpg": NO_PICTURE,
    "DERIVED_text_named.mp4": NO_PICTURE,
}


@pytest.fixture(scope="module")
def style_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("style") / "a.style"
    save_style(
        path, TransformerNetwork(width=8, residual_blocks=1), StyleHeader(style_name="a", style_sha256="")
    )
    return path


def stylize(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    monkeypatch.setattr(sys, "argv", ["allaprima", "stylize", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    return ended.value.code


def test_every_file_is_listed_here() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.name != "README.md"}
    assert files == PICTURES.keys() | REASONS.keys()


@pytest.mark.parametrize("name", PICTURES)
def test_odd_picture_is_stylized(
    name: str, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stylize(monkeypatch, style_file, FOLDER / name, "-o", tmp_path / "out.png") == 0
    picture = read_picture(tmp_path / "out.png")
    assert (picture.width, picture.height, picture.alpha is not None) == PICTURES[name]


@pytest.mark.parametrize("name", REASONS)
def test_bad_file_is_explained(
    name: str,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert stylize(monkeypatch, style_file, FOLDER / name, "-o", tmp_path / "out.png") == 1
    error = capsys.readouterr().err
    assert REASONS[name] in error
    assert str(FOLDER / name) in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_folder_of_all_goes_through(
    style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert stylize(monkeypatch, style_file, FOLDER, "-o", tmp_path / "out") == 1
    assert capsys.readouterr().out.startswith(
        "13 pictures stylised (of an animation only the first frame: allaprima video paints them all), "
        "7 failed, 6 files passed over (not called pictures); "
    )
    assert len(list((tmp_path / "out").iterdir())) == 13


def test_orientation_6_is_upright() -> None:
    upright = read_picture(FOLDER / "DERIVED_webp_named.jpg").rgb.astype(int)  # the same portrait
    turned = read_picture(FOLDER / "exif_orientation_6.jpg").rgb
    assert abs(turned - upright).mean() < 8


def test_16_bit_grey_equals_16_bit_colour() -> None:
    grey, colour = (read_picture(FOLDER / name).rgb.astype(int) for name in ("gray16.png", "color16.png"))
    assert abs(grey.mean() - colour.mean()) < 1
