"""What the README tells people to type works."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from allaprima.__main__ import build_app, main
from allaprima.models.style_file import read_header
from allaprima.train.image_optimization.settings import OptimizeConfig
from allaprima.train.settings.config import TrainConfig
from allaprima.train.settings.flags_from_settings import typed_settings
from allaprima.train.settings.parsing import parse_settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    """Return every allaprima command line, without the program's name."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(allaprima [^`]*)`", README)
    commands = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if "allaprima" in words:
            commands.append([word for word in words[words.index("allaprima") + 1 :] if word != "..."])
    return commands


@pytest.fixture
def in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch folder in which the README's paths exist; its photographs are small."""
    for name in ("docs/paintings", "configs"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs" / "demo" / "photographs").mkdir(parents=True)
    for path in (ROOT / "docs" / "demo" / "photographs").iterdir():
        with Image.open(path) as photograph:
            photograph.thumbnail((120, 120))
            photograph.save(tmp_path / path.relative_to(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_one(words: list[str]) -> None:
    if "--help" in words:
        return
    _, bound, _ = build_app().parse_args(words, exit_on_error=False)
    settings = typed_settings(bound.arguments.get("settings"), bound.arguments.get("unknown", {}))
    parse_settings(OptimizeConfig if words[0] == "optimize" else TrainConfig, settings)


def test_painting_works_as_written(in_a_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in commands():
        if words[0] in ("stylize", "info", "styles"):
            monkeypatch.setattr(sys, "argv", ["allaprima", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 0
    photographs = sorted((in_a_checkout / "docs" / "demo" / "photographs").iterdir())
    assert (in_a_checkout / "styles.png").exists()
    painted = sorted((in_a_checkout / "painted").iterdir())
    assert [path.name for path in painted] == [path.name for path in photographs]
    for before, after in zip(photographs, painted, strict=True):
        with Image.open(before) as one, Image.open(after) as other:
            assert one.size == other.size


def test_painting_from_python_works_as_written(in_a_checkout: Path) -> None:
    painting = blocks("python")[0]
    exec(painting, {"__name__": "__main__"})
    assert (in_a_checkout / "painted.png").exists()


def test_training_from_python_works_as_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    photographs: Path,
    style_picture: Path,
    small_weights_file: Path,
) -> None:
    """With a config of the same name that takes seconds instead of minutes."""
    tiny = {
        "loss_weights": str(small_weights_file),
        "content_layers": "relu2_1",
        "style_layers": "relu1_1",
        **{"width": 4, "residual_blocks": 1, "crop_size": 32, "max_steps": 2, "accelerator": "cpu"},
        **{"cache_dir": str(tmp_path / "cache")},
    }
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "quick.yaml").write_text(yaml.safe_dump(tiny))
    (tmp_path / "photographs").symlink_to(photographs)
    shutil.copy(style_picture, "night.jpg")
    exec(blocks("python")[1], {"__name__": "__main__"})
    assert capsys.readouterr().out.startswith("runs/night/night.safetensors {'content': ")
    assert (tmp_path / "runs/night/night.safetensors").exists()


def test_make_demo_trains_without_a_network(
    in_a_checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line that `make demo` runs, cut short to two steps of a small network."""
    lines = subprocess.run(
        ["make", "--dry-run", "--directory", ROOT, "demo"], check=True, capture_output=True, text=True
    ).stdout.replace("\\\n", " ")
    (line,) = [line for line in lines.splitlines() if "allaprima train" in line]
    shortened = "--max-steps 2 --width 4 --residual-blocks 1 --crop-size 32 --cache off --accelerator cpu"
    arguments = [*shlex.split(line)[1:], *shlex.split(shortened)]

    def refuse(*_: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(sys, "argv", ["allaprima", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    output = capsys.readouterr().out
    style_file = in_a_checkout / "runs" / "stained-glass" / "stained-glass.safetensors"
    assert "allaprima stylize runs/stained-glass/stained-glass.safetensors photo.jpg" in output
    assert read_header(style_file).loss.loss_network == "compact"
    with Image.open(style_file.with_name("contact-sheet.png")) as sheet:
        assert sheet.width > 500


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
