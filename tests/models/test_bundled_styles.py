"""Bundled styles: what every file has to be, and what a name stands for."""

import base64
import io
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from allaprima.__main__ import build_app
from allaprima.models.bundled_styles import bundled_styles, find_style
from allaprima.models.network_presets import NETWORKS
from allaprima.models.style_file import load_style, read_header
from allaprima.train.pretraining.config import BaseConfig
from allaprima.train.settings.config import TrainConfig
from allaprima.train.settings.flags_from_settings import typed_settings
from allaprima.train.settings.parsing import load_settings

ROOT = Path(__file__).parents[2]
STYLES = bundled_styles()


@pytest.fixture(params=STYLES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_are_some_and_they_have_names_to_type() -> None:
    assert "great-wave" in STYLES
    assert [name for name in STYLES if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_it_is_a_network_with_a_name_in_half_precision(name: str) -> None:
    network, header = load_style(name)
    nearest = NETWORKS["paper"].model_copy(update={"upsampling": "nearest"})
    assert network.settings in (NETWORKS["paper"], nearest, NETWORKS["fast"])
    assert header.dtype == "float16"
    assert {tensor.dtype for tensor in load_file(STYLES[name]).values()} == {torch.float16}
    assert STYLES[name].stat().st_size < 3_400_000
    with torch.inference_mode():
        stylized = network(torch.rand(1, 3, 32, 48))
    assert stylized.isfinite().all()
    assert stylized.std() > 0.05  # a picture, not a flat colour


def test_it_says_where_it_comes_from(name: str) -> None:
    header = read_header(STYLES[name])
    assert header.licence
    assert header.author
    assert header.steps > 0
    assert header.validation.keys() - {"temporal"} == {"content", "style", "tv", "total"}
    assert ("temporal" in header.validation) == ("--temporal" in header.command)
    with Image.open(io.BytesIO(base64.b64decode(header.style_thumbnail))) as image:
        assert max(image.size) == 128


def test_its_command_is_one_and_trains_such_a_network(name: str) -> None:
    header = read_header(STYLES[name])
    words = shlex.split(header.command)
    assert words[0] == "allaprima"
    assert words[1] in ("train", "train-base")
    _, bound, _ = build_app().parse_args(words[1:], exit_on_error=False)
    kind: type[TrainConfig | BaseConfig] = TrainConfig if words[1] == "train" else BaseConfig
    config = load_settings(
        kind, None, typed_settings(bound.arguments.get("settings"), bound.arguments.get("unknown", {}))
    )
    if isinstance(config, BaseConfig):
        assert config.styles is not None
    else:
        assert config.style is not None
        assert config.style.name == header.style_name
    assert config.transformer == header.network
    assert config.dtype == "float16"
    assert (config.author, config.licence) == (header.author, header.licence)
    # auto is VGG-19 where its weights are given, as the command of a style that was trained with it says.
    assert config.loss_network in ("auto", header.loss.loss_network)


def test_its_model_card_is_right(name: str) -> None:
    header = read_header(STYLES[name])
    card = (ROOT / "models" / "styles" / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in card.splitlines() if line.startswith(f"| `{name}` |")] or [""]
    figures = [f"{header.validation[term]:.3f}" for term in ("content", "style", "total")]
    assert row.endswith(" | ".join(["", str(header.steps), *figures, f"{header.licence} |"]))
    assert header.command in re.sub(r"\s*\\\n\s*", " ", card)


def test_all_that_is_there_is_packaged() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folder = ROOT / "models" / "styles"
    packaged = {
        path.resolve()
        for pattern in config["package-data"]["allaprima.models.styles"]
        for path in folder.glob(pattern)
    }
    assert {path.resolve() for path in STYLES.values()} < packaged


def test_a_file_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_style("great-wave") == find_style(Path("great-wave")) == STYLES["great-wave"]
    Path("great-wave").mkdir()  # a folder is no style file
    assert find_style("great-wave") == STYLES["great-wave"]
    Path("great-wave").rmdir()
    Path("great-wave").write_bytes(b"")
    assert find_style("great-wave") == Path("great-wave")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            "graet-wave",
            f"style file 'graet-wave' does not exist; bundled styles: {', '.join(STYLES)}"
            " (did you mean great-wave?)",
        ),
        ("qqq", f"style file 'qqq' does not exist; bundled styles: {', '.join(STYLES)}"),
        ("qqq.safetensors", "style file 'qqq.safetensors' does not exist"),
        ("runs/qqq", "style file 'runs/qqq' does not exist"),
        (
            "old/great-wave.safetensors",
            "style file 'old/great-wave.safetensors' does not exist (did you mean great-wave?)",
        ),
    ],
)
def test_unknown_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (typed, Path(typed)):
        with pytest.raises(FileNotFoundError) as caught:
            find_style(name)
        assert str(caught.value) == message


def test_a_folder_is_called_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"is a folder; give the style file, or the name of a"):
        find_style(tmp_path)
    (tmp_path / "night.safetensors").touch()
    with pytest.raises(IsADirectoryError, match=r"give the style file in it: '.*night.safetensors'"):
        find_style(tmp_path)


@pytest.mark.parametrize(("base", "upsampling"), [("paper", "bilinear"), ("paper-nearest", "nearest")])
def test_a_base_is_the_mean_of_the_styles_of_its_network(base: str, upsampling: str) -> None:
    of_it = NETWORKS["paper"].model_copy(update={"upsampling": upsampling})
    files = [load_file(file) for file in STYLES.values() if read_header(file).network == of_it]
    assert len(files) == {"paper": 8, "paper-nearest": 2}[base]
    for name, weights in load_file(ROOT / "models" / "pretrained" / f"{base}.safetensors").items():
        mean = torch.stack([file[name].float() for file in files]).mean(dim=0)
        torch.testing.assert_close(weights.float(), mean, rtol=1e-3, atol=1e-6)
