import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from allaprima.models.loss_description import LossDescription
from allaprima.models.style_file import StyleHeader, save_style
from allaprima.models.transformer import TransformerNetwork
from allaprima.terminal import PrintableFormatter, ProblemsError, complain, printable, quoted, say, say_json
from tests.conftest import Run

EVIL = "\x7fa\x1b[2J\x1b]0;title\x07b\rerror: c\nerror: d\u202ee\x9b31mf"
SHOWN = r"\x7fa\x1b[2J\x1b]0;title\x07b\rerror: c\nerror: d\u202ee\x9b31mf"


def test_what_a_terminal_would_carry_out_is_shown() -> None:
    assert printable(EVIL) == SHOWN
    assert printable(os.fsdecode(b"caf\xe9")) == r"caf\udce9"
    assert printable("\u2028\x7f\ufeff") == r"\u2028\x7f\ufeff"
    kept = "Größe, 北斎, \u0646\u200c\u0627, 👩\u200d🎨, e\u0301"
    assert printable(kept) == kept


def test_every_problem_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain(ProblemsError("one\ntwo", "three"))
    complain(OSError("a\rb"))
    complain(ValueError())
    lines = capsys.readouterr().err.splitlines()
    assert lines == [r"error: one\ntwo", "error: three", r"error: a\rb", "error: ValueError()"]
    say(EVIL, "b")
    say_json({"a": EVIL})
    out = capsys.readouterr().out
    assert out.startswith(f"{SHOWN}\nb\n")
    assert not set(out) & set("\x7f\x1b\r\x07\x9b\u202e")


def test_paths_in_commands_are_quoted() -> None:
    assert quoted(Path("runs/night")) == "runs/night"
    assert quoted(Path("my runs/it's")) == "'my runs/it'\"'\"'s'"


def test_log_lines_are_printable() -> None:
    record = logging.LogRecord("allaprima", logging.INFO, "", 0, "skipping %s", (EVIL,), None)
    assert PrintableFormatter("%(message)s").format(record) == f"skipping {SHOWN}"


def test_tracebacks_are_printable(tmp_path: Path) -> None:
    """Of a whole process, with the error of a library that quotes what a file holds."""
    program = (
        "import logging, sys; from allaprima import __main__\n"
        "def call(): raise ValueError(sys.argv.pop())\n"
        "class App:\n"
        "    def __call__(self, *_, **__):\n"
        "        try: call()\n"
        "        except ValueError as error:\n"
        "            logging.getLogger('allaprima').debug('tried', exc_info=True)\n"
        "            raise OSError('b') from error\n"
        "__main__.build_app = App\n"
        "__main__.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, EVIL],
        capture_output=True,
        env={**os.environ, "ALLAPRIMA_DEBUG": "1"},
        cwd=tmp_path,
    )
    error = done.stderr.decode()
    assert done.returncode == 1
    lines = error.splitlines()
    assert lines.count(f"ValueError: {SHOWN}") == 2, error
    assert lines[-1] == "OSError: b"
    assert "Traceback (most recent call last):" in lines
    assert any(line.startswith("  File ") for line in lines)
    assert not any(line.startswith("error: ") for line in lines)
    assert not set(error) & set("\x7f\x1b\r\x07\x9b\u202e")


@pytest.fixture
def evil_style(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "evil.safetensors"
    loss = LossDescription.model_validate({EVIL: EVIL})
    header = StyleHeader(style_name=EVIL, style_sha256="", author=EVIL, loss=loss)
    save_style(path, TransformerNetwork(width=4, residual_blocks=0), header)
    return path


def test_headers_are_shown_and_not_carried_out(evil_style: Path, run: Run) -> None:
    for arguments in (("info", evil_style), ("info", "--json", evil_style)):
        code, out, _ = run(*arguments)
        assert code == 0
        assert not set(out) & set("\x7f\x1b\r\x07\x9b\u202e")
        assert "\nerror:" not in out
    assert SHOWN in run("info", evil_style)[1]


def test_file_names_forge_no_errors(evil_style: Path, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    (folder / f"{EVIL}.jpg").write_text("no picture")
    code, _, err = run("stylize", evil_style, folder, "-o", tmp_path / "out")
    assert code == 1
    assert err.count("\n") == 1
    assert SHOWN in err
    code, _, err = run("stylize", tmp_path / EVIL, folder, "-o", tmp_path / "out")
    assert code == 2
    assert err.count("\n") == 1
    code, _, err = run("evaluate", evil_style, "--content", folder / f"{EVIL}.jpg", "--style", "x")
    assert code == 2
    assert not set(err) & set("\x7f\x1b\r\x07\x9b\u202e")


def test_arguments_forge_no_errors(run: Run) -> None:
    """A pattern of the shell makes arguments of the names of files."""
    for arguments in (
        ("stylize", f"--{EVIL}"),
        (EVIL,),
        ("stylize", "a", "b", "-o", "c", "--tiles", EVIL),
        ("export", "a", "--format", EVIL),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert not set(err) & set("\x7f\x1b\r\x07\x9b\u202e")
