"""What the README tells people to type works."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image

from allaprima.__main__ import build_app, main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    """Return every allaprima command line, without the program's name."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(allaprima [^`]*)`", README)
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if "allaprima" in words:
            found.append([word for word in words[words.index("allaprima") + 1 :] if word != "..."])
    return found


@pytest.fixture
def in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch folder in which the README's paths exist."""
    for name in ("docs", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_one(words: list[str]) -> None:
    if "--help" in words:
        return
    _, bound, _ = build_app().parse_args(words, exit_on_error=False)
    assert "unknown" not in bound.arguments


def test_painting_works_as_written(in_a_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in commands():
        if words[0] in ("stylize", "info"):
            monkeypatch.setattr(sys, "argv", ["allaprima", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 0
    photographs = sorted((ROOT / "docs" / "demo" / "photographs").iterdir())
    painted = sorted((in_a_checkout / "painted").iterdir())
    assert [path.name for path in painted] == [path.name for path in photographs]
    for before, after in zip(photographs, painted, strict=True):
        with Image.open(before) as one, Image.open(after) as other:
            assert one.size == other.size


def test_python_examples_name_what_exists(in_a_checkout: Path) -> None:
    painting, training = blocks("python")
    exec(painting, {})
    assert (in_a_checkout / "painted.png").exists()
    exec("\n".join(line for line in training.splitlines() if "import" in line), {})


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
