"""The commands `stylize` and `info`, through the program's own entry."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from allaprima.images.picture_files import Picture, read_picture, write_picture
from allaprima.models.loss_description import LossDescription, LossWeights
from allaprima.models.network_settings import NetworkSettings
from allaprima.models.style_file import StyleHeader, save_style
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    thumbnail = io.BytesIO()
    Image.new("RGB", (128, 101)).save(thumbnail, "JPEG")
    torch.manual_seed(0)
    header = StyleHeader(
        network=NetworkSettings(width=8, residual_blocks=1),
        style_name="wave",
        style_sha256="ab" * 32,
        style_thumbnail=base64.b64encode(thumbnail.getvalue()).decode(),
        loss=LossDescription(weights=LossWeights({}, {"relu1_2": 0.25}, 0.0)),
        steps=40,
    )
    save_style(tmp_path / "wave.style", TransformerNetwork(width=8, residual_blocks=1), header)
    return tmp_path / "wave.style"


def make(path: Path, height: int = 20, width: int = 33) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    write_picture(Picture(values), path)
    return path


def test_one_picture(run: Run, style_file: Path, tmp_path: Path) -> None:
    source = make(tmp_path / "a.jpg")
    assert run("stylize", style_file, source, "-o", tmp_path / "b.png") == (0, "1 picture stylised\n", "")
    assert read_picture(tmp_path / "b.png").rgb.shape == (20, 33, 3)


def test_folder_with_a_bad_file_then_again(run: Run, style_file: Path, tmp_path: Path) -> None:
    make(tmp_path / "in" / "a.jpg")
    make(tmp_path / "in" / "sub" / "b.png")
    (tmp_path / "in" / "c.jpg").write_bytes(b"text")
    arguments = ("stylize", style_file, tmp_path / "in", "--output", tmp_path / "out")

    code, out, err = run(*arguments)
    assert (code, out) == (1, "2 pictures stylised, 1 failed\n")
    assert err.startswith(f"error: picture '{tmp_path / 'in' / 'c.jpg'}' cannot be read: it is not a picture")
    assert err.count("\n") == 1

    (tmp_path / "in" / "c.jpg").unlink()
    summary = "0 pictures stylised, 2 skipped (already there; --overwrite redoes them)\n"
    assert run(*arguments) == (0, summary, "")
    assert run(*arguments, "--overwrite") == (0, "2 pictures stylised\n", "")


def test_what_a_folder_passes_over_is_in_the_summary(run: Run, style_file: Path, tmp_path: Path) -> None:
    make(tmp_path / "in" / "a.png")
    for name in ("b.txt", "c/d.MOV", "c/README", "@eaDir/e.txt", "out/f.txt"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    code, out, _ = run("stylize", style_file, tmp_path / "in", "-o", tmp_path / "in" / "out")
    assert (code, out) == (0, "1 picture stylised, 3 files passed over (not called pictures)\n")
    make(tmp_path / "one" / "a.png")
    (tmp_path / "one" / "b.txt").touch()
    code, out, _ = run("stylize", style_file, tmp_path / "one", "-o", tmp_path / "two.tar")
    assert (code, out) == (0, "1 picture stylised, 1 file passed over (not called pictures)\n")


def test_records_of_earlier_jobs_are_not_counted(
    run: Run, style_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They lie beside their results, which may be in the very folder that is painted."""
    folder = tmp_path / "photos"
    make(folder / "a.png")
    for number in (1, 2):
        code, out, _ = run("stylize", style_file, folder, "-o", folder / f"out{number}", "--shard", "1/1")
        assert (code, "passed over" in out) == (0, False), out
    assert (folder / "out1.1-of-1.manifest.jsonl").is_file()
    with caplog.at_level("INFO"):
        code, out, _ = run("stylize", style_file, folder, "-o", tmp_path / "out")
    assert (code, out.startswith("4 pictures stylised"), "passed over" in out) == (0, True, False), out
    assert "passing over" not in caplog.text
    (folder / "train.jsonl").touch()
    code, out, _ = run("stylize", style_file, folder, "-o", tmp_path / "other")
    assert (code, "4 pictures stylised, 1 file passed over (not called pictures)" in out) == (0, True), out


def test_several_pictures_in_one_format(run: Run, style_file: Path, tmp_path: Path) -> None:
    sources = [make(tmp_path / "in" / name) for name in ("a.jpg", "a.png")]
    code, _, _ = run("stylize", style_file, *sources, "-o", tmp_path / "out", "--format", "PNG")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpg.png", "a.png"]


def test_settings_reach_their_place(run: Run, style_file: Path, tmp_path: Path) -> None:
    source = make(tmp_path / "a.png", 40, 60)
    plain, reduced = tmp_path / "plain.png", tmp_path / "reduced.png"
    options = ("--device", "cpu", "--precision", "float32")
    assert run("stylize", style_file, source, "-o", plain, *options)[0] == 0
    assert run("stylize", style_file, source, "-o", reduced, *options, "--max-side", 30)[0] == 0
    assert read_picture(reduced).rgb.shape == (40, 60, 3)
    assert (read_picture(reduced).rgb != read_picture(plain).rgb).any()

    code, _, err = run("stylize", style_file, source, "-o", tmp_path / "x.png", "--max-pixels", 2399)
    assert code == 1
    assert "60x40 pixels, more than the limit of 2399; --max-pixels raises the limit" in err

    sizes = []
    for quality in (20, 95):
        target = tmp_path / f"{quality}.jpg"
        assert run("stylize", style_file, source, "-o", target, "--quality", quality)[0] == 0
        sizes.append(target.stat().st_size)
    assert sizes[0] < sizes[1]


def test_warnings_of_pillow_are_not_shown(static_bytes_onnx_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    Image.new("RGB", (32, 24)).save(source, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    arguments = ("stylize", str(static_bytes_onnx_file), str(source), "-o", str(tmp_path / "b.png"))
    program = [sys.executable, "-W", "always", "-m", "allaprima", *arguments]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    assert done.stdout == "1 picture stylised\n"
    assert "EXIF" not in done.stderr


def test_a_pipe_that_nobody_reads_ends_the_program_quietly(style_file: Path) -> None:
    """As `allaprima info wave.style | head -0` does."""
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, "-m", "allaprima", "info", str(style_file), "--json"]
    done = subprocess.run(program, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.style", "a.png", "-o", "b.png"], "style file 'none.style' does not exist"),
        (["a.png", "a.png", "-o", "b.png"], "'a.png' is not a style file"),
        (["wave.style", "a.png", "-o", "b.gif"], "expected one of .jpg"),
        (["wave.style", "a.png", "-o", "a.png"], "would replace an input"),
        (["wave.style", "a.png", "-o", "b.png", "--device", "tpu"], "device 'tpu' is not available"),
    ],
)
def test_mistakes_end_with_code_2(
    run: Run,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    make(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    code, out, err = run("stylize", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err


@pytest.mark.slow
def test_without_home_and_user_a_style_file_is_converted(style_file: Path, tmp_path: Path) -> None:
    """As in containers that run with a bare number as their user."""
    pytest.importorskip("onnxruntime")
    program = """
import pwd

def unknown(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")

pwd.getpwuid = unknown
from allaprima.__main__ import main
main()
"""
    arguments = (
        "stylize",
        style_file,
        make(tmp_path / "a.png"),
        "-o",
        tmp_path / "b.png",
        "--engine",
        "onnx",
    )
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path / "tmp")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "1 picture stylised\n"), done.stderr
    assert done.stderr.startswith("nothing is kept for the next time, since there is no home folder: ")
    assert read_picture(tmp_path / "b.png").rgb.shape == (20, 33, 3)
    assert not list((tmp_path / "tmp").glob("allaprima-*"))


@pytest.mark.parametrize(("name", "archive"), [("last.ckpt", True), ("vgg.pth", False)])
def test_a_checkpoint_as_style_is_one_clear_line(
    name: str,
    archive: bool,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not first two about OpenVINO, where that would be the engine."""
    monkeypatch.setattr("allaprima.infer.engines.openvino_speedups.is_installed", lambda: True)
    file = tmp_path / name
    torch.save({"weight": torch.ones(2)}, file, _use_new_zipfile_serialization=archive)
    ended = run("stylize", file, make(tmp_path / "a.png"), "-o", tmp_path / "b.png")
    reason = "it is a checkpoint or another file of PyTorch; the style of a run ends in .safetensors"
    error = f"error: '{file}' is not a style file, or it is damaged: {reason}\n"
    assert ended == (2, "", error)
    assert caplog.messages == []


def test_info_shows_every_setting(run: Run, style_file: Path) -> None:
    code, out, err = run("info", style_file)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert lines["file"] == str(style_file)
    assert lines["network.width"] == "8"
    assert lines["steps"] == "40"
    assert lines["style_sha256"] == "ab" * 32
    assert lines["style_thumbnail"] == "128x101"
    assert lines["loss.weights.style.relu1_2"] == "0.25"
    assert lines["licence"] == "not stated"


def test_info_of_a_bomb_as_thumbnail(run: Run, tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(thumbnail, "PNG")
    encoded = base64.b64encode(thumbnail.getvalue()).decode()
    header = StyleHeader(style_name="wave", style_sha256="", style_thumbnail=encoded)
    save_style(tmp_path / "a.style", TransformerNetwork(width=4, residual_blocks=0), header)
    code, out, err = run("info", tmp_path / "a.style")
    assert (code, err) == (0, "")
    assert re.search(r"style_thumbnail +unreadable", out)


def test_info_as_json(run: Run, style_file: Path) -> None:
    code, out, _ = run("info", style_file, "--json")
    assert code == 0
    assert StyleHeader.model_validate(json.loads(out)).style_name == "wave"


def test_info_of_an_exported_file(run: Run, onnx_file: Path) -> None:
    code, out, err = run("info", onnx_file)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert lines["style_name"] == "small"
    assert lines["export.precision"] == "float32"
    assert json.loads(run("info", onnx_file, "--json")[1])["network"]["width"] == 4


def test_info_of_a_missing_file(run: Run, tmp_path: Path) -> None:
    code, _, err = run("info", tmp_path / "none.style")
    assert code == 2
    assert "does not exist" in err


def test_help_info_and_styles_do_not_load_torch(style_file: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom allaprima.__main__ import main\n"
        "try: main()\nexcept SystemExit as ended: assert not ended.code, ended.code\n"
        "assert 'torch' not in sys.modules"
    )
    for arguments in (["stylize", "--help"], ["info", str(style_file)], ["info", "great-wave"], ["styles"]):
        command = [sys.executable, "-c", program, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
