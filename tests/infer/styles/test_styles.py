"""Bundled styles on the command line: by name wherever a file is expected, listed, and on a sheet."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima.images.contact_sheet import PAPER
from allaprima.images.picture_files import read_picture
from allaprima.images.pixels import Pixels
from allaprima.infer import Stylizer
from allaprima.infer.bench.benchmark import Case
from allaprima.infer.bench.measure_case import measure_case
from allaprima.infer.styles.sheet import PREVIEW, Entry, style_sheet
from allaprima.models.bundled_styles import bundled_styles
from tests.conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")

STYLES = bundled_styles()
MAT = (239, 236, 229)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")


@pytest.fixture
def photograph() -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((80, 48)).save("photo.png")
    return Path("photo.png")


def flat(height: int, width: int, colour: tuple[int, int, int]) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def cells_of(sheet: Pixels) -> int:
    """Return the number of mats on a sheet, by their margins, which no picture reaches into."""
    mat = (sheet == MAT).all(-1)
    tops = np.flatnonzero(mat[1:, 25] & ~mat[:-1, 25]) + 1
    return sum(int((mat[top + 5, 1:] & ~mat[top + 5, :-1]).sum()) for top in tops)


def test_painting_by_name_is_painting_by_path(run: Run, photograph: Path) -> None:
    path = STYLES["great-wave"]
    assert run("stylize", "great-wave", photograph, "-o", "name.png") == (0, "1 picture stylised\n", "")
    assert run("stylize", path, photograph, "-o", "path.png")[0] == 0
    by_name = read_picture(Path("name.png")).rgb
    assert np.array_equal(by_name, read_picture(Path("path.png")).rgb)
    assert np.array_equal(by_name, np.asarray(Stylizer.load("great-wave")(photograph)))


def test_a_file_of_that_name_is_painted_with(run: Run, photograph: Path, small_style: Path) -> None:
    shutil.copy(small_style, "great-wave")
    assert run("stylize", "great-wave", photograph, "-o", "own.png")[0] == 0
    assert run("stylize", small_style, photograph, "-o", "small.png")[0] == 0
    assert np.array_equal(read_picture(Path("own.png")).rgb, read_picture(Path("small.png")).rgb)
    assert json.loads(run("info", "great-wave", "--json")[1])["style_name"] == "small"


def test_info_by_name(run: Run) -> None:
    code, out, _ = run("info", "great-wave")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0
    assert lines["file"] == str(STYLES["great-wave"])
    assert lines["command"].startswith("allaprima train --style wave.jpg ")


def test_export_by_name_writes_beside_the_user(run: Run) -> None:
    assert run("export", "udnie-video", "--format", "pt2", "--static", "16x16")[0] == 0
    assert [path.name for path in Path().iterdir()] == ["udnie-video.pt2"]
    assert not STYLES["udnie-video"].with_suffix(".pt2").exists()


def test_evaluate_by_name(run: Run, photograph: Path) -> None:
    code, _, err = run("evaluate", "great-wave", "--content", photograph)
    assert code == 2
    assert "the style picture wave.jpg is needed: give it with --style" in err


def test_bench_by_name() -> None:
    case = Case("great-wave", "plain", "float32", "cpu", 16, 16, 1, 1, 1, str(Path("plain.npy").absolute()))
    assert measure_case(case)["mean_error"] == 0
    assert measure_case(replace(case, engine="eager"))["mean_error"] < 1e-5


@pytest.mark.slow
def test_bundled_styles_are_converted_for_an_engine(run: Run, photograph: Path, tmp_path: Path) -> None:
    for engine in ("eager", "openvino"):
        output = tmp_path / f"{engine}.png"
        code, _, _ = run("stylize", "great-wave", photograph, "-o", output, "--engine", engine)
        assert code == 0
    eager, other = (np.asarray(Image.open(tmp_path / f"{name}.png"), int) for name in ("eager", "openvino"))
    assert abs(eager - other).max() <= 1


def test_what_cannot_be_converted_is_explained(run: Run, photograph: Path) -> None:
    options = ("--engine", "onnx", "--precision", "bfloat16")
    code, _, err = run("stylize", "great-wave", photograph, "-o", "a.png", *options)
    assert code == 2
    assert (
        "engine 'onnx' runs what allaprima export makes of a style file, which is not to be had here" in err
    )
    assert "no bfloat16 convolutions on CPUs" in err


@pytest.mark.parametrize(
    "command",
    [
        ("stylize", "graet-wave", "photo.png", "-o", "a.png"),
        ("info", "graet-wave"),
        ("export", "graet-wave", "--format", "pt2"),
        ("evaluate", "graet-wave", "--content", "photo.png"),
        ("bench", "infer", "graet-wave"),
    ],
    ids=lambda command: command[0],
)
def test_unknown_names_end_with_code_2(run: Run, photograph: Path, command: tuple[str, ...]) -> None:
    listed = ", ".join(STYLES)
    message = (
        f"error: style file 'graet-wave' does not exist; bundled styles: {listed} (did you mean great-wave?)"
    )
    assert run(*command) == (2, "", f"{message}\n")


def test_styles_are_listed_and_drawn(run: Run) -> None:
    code, out, err = run("styles")
    assert (code, err) == (0, "")
    for name, path in STYLES.items():
        header = json.loads(run("info", name, "--json")[1])
        row = next(line.split() for line in out.splitlines() if line.split()[:1] == [name])
        assert row[1:3] == [header["style_name"], str(header["steps"])]
        assert row[-2:] == [f"{path.stat().st_size / 1e6:.1f}", "MB"]
        assert header["licence"] in row
    assert out.splitlines()[-1] == "sheet: styles.png"
    assert cells_of(read_picture(Path("styles.png")).rgb) == len(STYLES)


def test_a_sheet_that_is_there_is_kept(run: Run) -> None:
    Path("styles.png").write_text("mine")
    code, out, _ = run("styles")
    assert code == 0
    assert out.splitlines()[-1] == "sheet: styles.png (there already; --overwrite makes it anew)"
    assert Path("styles.png").read_text() == "mine"
    assert run("styles", "-o", "styles.png")[0] == 2
    assert Path("styles.png").read_text() == "mine"
    assert run("styles", "--overwrite")[1].splitlines()[-1] == "sheet: styles.png"
    assert cells_of(read_picture(Path("styles.png")).rgb) == len(STYLES)


def test_preview_shows_the_photograph_painted(run: Run, photograph: Path) -> None:
    assert run("styles")[0] == 0
    assert run("styles", "--preview", photograph, "-o", "preview.png")[0] == 0
    bare, sheet = read_picture(Path("styles.png")).rgb, read_picture(Path("preview.png")).rgb
    assert cells_of(sheet) == len(STYLES)
    painted = Stylizer.load(next(iter(STYLES)))(photograph).resize((360, 216), Image.Resampling.LANCZOS)
    columns = math.ceil(len(STYLES) / math.ceil(len(STYLES) / 4))
    left = (bare.shape[1] - 20) // columns + 10
    assert np.array_equal(sheet[20:236, left : left + 360], np.asarray(painted))


def test_as_json_there_is_no_sheet_unless_asked_for(run: Run) -> None:
    code, out, _ = run("styles", "--json")
    assert code == 0
    assert [(style["name"], style["file"]) for style in json.loads(out)] == [
        (name, str(path)) for name, path in STYLES.items()
    ]
    assert not list(Path().iterdir())
    assert json.loads(run("styles", "--json", "-o", "a.png")[1]) == json.loads(out)
    assert Path("a.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "a.gif"), "cannot write 'a.gif': suffix must be one of .jpg"),
        (("-o", "no/a.png"), "there is no folder 'no'"),
        (("--preview", "none.jpg"), "picture 'none.jpg' cannot be read: it does not exist"),
    ],
)
def test_mistakes_end_with_code_2(run: Run, options: tuple[str, ...], message: str) -> None:
    code, out, err = run("styles", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 3), (4, 4), (5, 3), (9, 3)])
def test_entries_stand_in_rows(count: int, columns: int) -> None:
    red = Entry("a", "b", flat(71, 128, (255, 0, 0)))
    sheet = style_sheet([red] * count)
    assert cells_of(sheet) == count
    assert sheet.shape[1] == 20 + columns * (148 + 20)
    assert tuple(sheet[0, 0]) == PAPER
    assert tuple(sheet[20 + 74, 20 + 74]) == (255, 0, 0)
    assert tuple(sheet[20 + 30, 20 + 74]) == MAT


def test_painted_photographs_stand_beside_their_styles() -> None:
    blue = flat(900, 1600, (0, 0, 255))
    entries = [Entry("a" * 40, "b", None, blue), Entry("c", "d", flat(128, 20, (255, 0, 0)), blue)]
    sheet = style_sheet([*entries, *entries])
    assert cells_of(sheet) == 4
    is_blue = (sheet == (0, 0, 255)).all(-1)
    assert is_blue.sum() == 4 * PREVIEW[0] * round(PREVIEW[0] * 900 / 1600)
    first, second = np.flatnonzero(is_blue.any(0)[1:] & ~is_blue.any(0)[:-1])
    assert sheet.shape[1] - 20 - PREVIEW[0] - 1 == second
    assert second - first > PREVIEW[0] + 148


def test_no_entries() -> None:
    with pytest.raises(ValueError, match="no styles to show"):
        style_sheet([])
