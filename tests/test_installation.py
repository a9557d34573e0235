"""What `pip install` brings, and what is said of the rest."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima import missing_extras
from allaprima.infer import Stylizer
from tests.conftest import Run

ROOT = Path(__file__).parent.parent
PHOTOGRAPH = ROOT / "docs" / "demo" / "photographs" / "astronaut.jpg"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    """Return the distributions that requirements name, but for the project itself."""
    packages = {re.split(r"[\[>]", requirement)[0].lower() for requirement in requirements}
    return {name for name in packages if not name.startswith("allaprima")}


@pytest.mark.parametrize("extra", ["train", "onnx", "openvino", "evaluate-video", "live", "storage", "ray"])
def test_every_package_of_an_extra_is_told_of(extra: str) -> None:
    distributions = packages_distributions()
    packages = {distributions[module][0].lower() for module in missing_extras._EXTRAS[extra]}
    assert packages == names(PROJECT["optional-dependencies"][extra])


COMMANDS_WITHOUT_EXTRAS = """
import sys
from importlib import import_module

for module in sys.argv[1:]:
    sys.modules[module] = None
from allaprima.__main__ import COMMANDS

for place, _ in COMMANDS.values():
    import_module(place.partition(":")[0])
"""


def test_every_command_can_tell_of_itself_without_any_extra() -> None:
    extras = {module for modules in missing_extras._EXTRAS.values() for module in modules} | {"av"}
    _run([sys.executable, "-c", COMMANDS_WITHOUT_EXTRAS, *extras - names(PROJECT["dependencies"])])


@pytest.mark.parametrize(
    ("words", "module"),
    [
        ("evaluate great-wave --content . -o report", "torch"),
        ("train --config quick --style a.png --content .", "yaml"),
        ("optimize a.png --style a.png -o b.png", "torch"),
    ],
)
def test_a_missing_package_is_told_with_the_command(words: str, module: str, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    program = f"import sys; sys.modules[{module!r}] = None; from allaprima.__main__ import main; main()"
    output = _run([sys.executable, "-c", program, *words.split()], expected=2, folder=tmp_path)
    message = f"error: this needs {module}, which is not installed: pip install 'allaprima[train]'"
    assert output.splitlines()[-1] == message


def test_painting_with_a_style_file_names_both_ways_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = run("stylize", "great-wave", PHOTOGRAPH, "-o", "painted.png")
    assert code == 2
    assert err == (
        "error: painting with 'great-wave' needs torch, which is not installed: "
        "pip install 'allaprima[train]', or give a style that was exported as .onnx\n"
    )


def test_python_is_told_too() -> None:
    program = "import sys; sys.modules['torch'] = None; from allaprima.train import TrainedStyle"
    output = _run([sys.executable, "-c", program], expected=1)
    assert output.endswith("needs torch, which is not installed: pip install 'allaprima[train]'\n")


def test_an_unknown_package_is_nobodys_extra() -> None:
    assert missing_extras.how_to_install(ModuleNotFoundError("", name="sing")) is None
    assert missing_extras.how_to_install(ModuleNotFoundError("")) is None


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs in an environment of what `pip install allaprima` brings from the package index."""
    folder = tmp_path_factory.mktemp("installation")
    left_out = shutil.ignore_patterns(".*", "build", "docs", "tests", "runs", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=left_out)
    _run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, folder / "source"])
    _run([sys.executable, "-m", "venv", folder / "venv"])
    programs = folder / "venv" / "bin"
    _run([programs / "pip", "install", *folder.glob("*.whl")])
    return programs


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_small_installation_paints_with_an_exported_style(small: Path, tmp_path: Path, run: Run) -> None:
    code, _, err = run("export", "great-wave", "--format", "onnx", "-o", tmp_path / "wave.onnx")
    assert code == 0, err
    assert _run([small / "python", "-c", "import torch"], expected=1).endswith("No module named 'torch'\n")
    _run([small / "allaprima", "stylize", tmp_path / "wave.onnx", PHOTOGRAPH, "-o", tmp_path / "painted.png"])
    with Image.open(tmp_path / "painted.png") as painted:
        difference = np.abs(np.asarray(painted, np.int16) - np.asarray(_painted_here(), np.int16))
    assert difference.max() <= 1
    refused = _run([small / "allaprima", "stylize", "great-wave", PHOTOGRAPH, "-o", tmp_path], expected=2)
    assert refused.startswith("error: painting with 'great-wave' needs torch")
    assert "pip install 'allaprima[train]'" in refused
    for words in (["styles", "--json"], ["info", "great-wave"], ["train", "--help"], ["export", "--help"]):
        _run([small / "allaprima", *words])


def _painted_here() -> Image.Image:
    return Stylizer.load("great-wave", engine="eager", device="cpu", precision="float32")(str(PHOTOGRAPH))


def _run(words: Sequence[str | Path], *, expected: int = 0, folder: Path | None = None) -> str:
    """Run a command and return what it says on standard error."""
    ended = subprocess.run(words, capture_output=True, text=True, cwd=folder)
    assert ended.returncode == expected, ended.stdout + ended.stderr
    return ended.stderr
