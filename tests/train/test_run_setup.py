"""What a run prepares: settings that the device and the photographs decide."""

import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from allaprima.models.style_file import save_style
from allaprima.train.loop.style_module import StyleTransferModule
from allaprima.train.run_folder import create_run_folder
from allaprima.train.run_setup import RunSetup, set_up_run
from allaprima.train.settings.config import TrainConfig
from allaprima.train.settings.parsing import load_config
from allaprima.train.style_header import style_header
from allaprima.train.style_picture import read_style_picture
from tests.conftest import more_memory


def set_up(settings: dict[str, Any], root: Path, **changes: Any) -> RunSetup[TrainConfig]:
    config = load_config(None, settings | changes)
    assert config.style is not None
    assert config.content is not None
    style_picture = read_style_picture(config.style, config.style_size)
    folder = create_run_folder(root, config.style)
    return set_up_run(config, [style_picture], config.content, folder, None, outputs=())


@pytest.mark.parametrize(
    ("stream", "asked", "echo"),
    [(False, None, 4), (False, 1, 1), (False, 3, 3), (True, None, 1), (True, 1, 1)],
)
def test_features_are_kept_of_crops_that_come_again(
    stream: bool, asked: int | None, echo: int, settings: dict[str, Any], tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "photographs.tar", "w") as tar:
        tar.add(settings["content"], "photographs")
    content = str(tmp_path / "photographs.tar")
    run = set_up(settings, tmp_path / "run", content=content, stream=stream, echo=asked)
    module = StyleTransferModule(run.network, run.losses[0], run.config)
    module.suit("cpu")
    assert run.config.echo == echo
    assert (module.content_features is not None) == (echo > 1)


def test_trained_weights_are_learned_from_at_a_lower_rate(settings: dict[str, Any], tmp_path: Path) -> None:
    random = set_up(settings, tmp_path / "random")
    assert random.config.lr == 1e-2
    style = read_style_picture(Path(settings["style"]), random.config.style_size)
    file = tmp_path / "wave.safetensors"
    save_style(
        file, random.network, style_header(style, random.config, random.losses[0], steps=0, validation={})
    )
    assert set_up(settings, tmp_path / "trained", init=file).config.lr == 5e-3
    assert set_up(settings, tmp_path / "asked", init=file, lr=1e-3).config.lr == 1e-3


def test_a_style_picture_that_is_too_large_for_the_memory_is_said(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    Image.new("RGB", (2000, 2000)).save(tmp_path / "large.png")
    large = {"style": tmp_path / "large.png", "style_size": 2000}
    with more_memory(500_000_000), pytest.raises(MemoryError, match="lower --style-size, --batch-size or"):
        set_up(settings, tmp_path / "run", **large)
