"""What tests of jobs share."""

from pathlib import Path

import pytest

from allaprima.models.style_file import StyleHeader, save_style
from tests.conftest import small_network


@pytest.fixture(scope="session")
def style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "fast.safetensors"
    save_style(path, small_network("fast"), StyleHeader(style_name="a", style_sha256=""))
    return path
