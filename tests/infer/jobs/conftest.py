"""What tests of jobs share."""

import io
from pathlib import Path

import numpy as np
import pytest

from allaprima.images.picture_files import read_picture
from allaprima.infer import Stylizer
from allaprima.models.style_file import StyleHeader, save_style
from tests.conftest import paint, small_network


@pytest.fixture(scope="session")
def style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "fast.safetensors"
    save_style(path, small_network("fast"), StyleHeader(style_name="a", style_sha256=""))
    return path


def make_pictures(folder: Path, count: int, side: int = 24) -> Path:
    """Make a folder of pictures, some of which have one size."""
    folder.mkdir()
    for index in range(count):
        paint(20 + index % 7, side, index).save(folder / f"{index:03}.png")
    return folder


def encoded(seed: int, format: str = "png") -> bytes:
    """Return the file of a picture."""
    file = io.BytesIO()
    paint(20 + seed, 24, seed).save(file, format=format)
    return file.getvalue()


def expected(style: Path, data: bytes) -> np.ndarray:
    """Return what a picture's file is painted to."""
    return Stylizer.load(style, engine="eager", device="cpu")(read_picture(data)).rgb
