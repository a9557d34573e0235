"""Standard input and output instead of files."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from allaprima import __main__
from allaprima.images.picture_files import read_picture
from tests.conftest import paint

Pipe = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def pipe(style: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pipe:
    """Run `allaprima stylize` with something on standard input; return code, standard output and error."""

    def pipe(given: bytes, *arguments: object) -> tuple[int, bytes, str]:
        out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given)))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "argv", ["allaprima", "stylize", str(style), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        out.flush()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.buffer.getvalue(), capsys.readouterr().err

    return pipe


def encoded(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    paint(30, 40, seed=1).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("given", "options", "format"),
    [("JPEG", (), "JPEG"), ("PNG", (), "PNG"), ("BMP", (), "PNG"), ("PNG", ("--format", "webp"), "WEBP")],
)
def test_a_picture_passes_through(given: str, options: tuple[str, ...], format: str, pipe: Pipe) -> None:
    code, out, error = pipe(encoded(given), "-", "-o", "-", *options)
    assert (code, error) == (0, "1 picture stylised\n")
    with Image.open(io.BytesIO(out)) as painted:
        assert (painted.format, painted.size) == (format, (40, 30))


def test_one_end_may_be_a_file(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded("JPEG"))
    code, out, _ = pipe(b"", tmp_path / "a.jpg", "-o", "-", "--format", "png")
    assert code == 0
    assert pipe(encoded("JPEG"), "-", "-o", tmp_path / "b.png") == (0, b"1 picture stylised\n", "")
    assert (read_picture(tmp_path / "b.png").rgb == read_picture(out).rgb).all()
    assert pipe(encoded("JPEG"), "-", "-o", tmp_path / "b.jpeg", "--format", "jpg")[0] == 0
    code, _, error = pipe(encoded("JPEG"), "-", "-o", tmp_path / "b.png")
    assert code == 2
    assert "is there already: --overwrite replaces it" in error


def test_names_are_still_names(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded("JPEG"))
    code, out, _ = pipe(str(tmp_path / "a.jpg").encode() + b"\n", "-", "-o", tmp_path / "out")
    assert (code, out) == (0, b"1 picture stylised\n")
    assert (tmp_path / "out" / "a.jpg").is_file()


def test_a_slash_makes_a_folder(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded("JPEG"))
    assert pipe(b"", tmp_path / "a.jpg", "-o", f"{tmp_path}/painted.v2/")[0] == 0
    assert (tmp_path / "painted.v2" / "a.jpg").is_file()


def test_an_animation_is_told(pipe: Pipe) -> None:
    frames = [paint(30, 40, seed=seed) for seed in range(3)]
    _, _, error = pipe(encoded("GIF", save_all=True, append_images=frames), "-", "-o", "-")
    assert "of an animation only the first frame: allaprima video paints them all" in error


@pytest.mark.parametrize(
    ("given", "arguments", "code", "message"),
    [
        (encoded("PNG")[:500], ("-", "-o", "-"), 1, "error: picture cannot be read: its data is cut short"),
        (encoded("PNG"), ("-", "other.jpg", "-o", "-"), 2, "standard input and output are for one picture"),
        (encoded("PNG"), ("-", "-o", "folder"), 2, "suffix must be one of"),
        (encoded("PNG"), ("-", "-o", "-", "--shard", "1/2"), 2, "for one picture; leave out --shard"),
        (encoded("PNG"), ("-", "-o", "-", "--format", "gif"), 2, "unknown format '.gif'"),
        (b"", ("-", "-o", "-"), 2, "there are no names in standard input"),
        (b"", ("a.jpg", "--overwite", "-o", "b.jpg"), 2, "there is no option --overwite here"),
        (b"", ("a.jpg", "-o", "--overwrite"), 2, "there is no option --overwrite here"),
    ],
)
def test_mistakes(given: bytes, arguments: tuple[str, ...], code: int, message: str, pipe: Pipe) -> None:
    found, out, error = pipe(given, *arguments)
    assert (found, out) == (code, b"")
    assert message in " ".join(error.replace("\u2502", " ").split())  # a mistake is told in a box
