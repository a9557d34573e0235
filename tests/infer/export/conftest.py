"""A small style to export."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from allaprima.models.style_file import StyleHeader, save_style
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import small_network

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def wave_style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("styles") / "wave.safetensors"
    network = TransformerNetwork(width=4, residual_blocks=1)
    save_style(path, network, StyleHeader(style_name="wave", style_sha256="ab" * 32))
    return path


@pytest.fixture(scope="session")
def fast_style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of the kind that is made for speed."""
    path = tmp_path_factory.mktemp("styles") / "wave.safetensors"
    header = StyleHeader(style_name="wave", style_sha256="ab" * 32)
    save_style(path, small_network("fast"), header)
    return path


@pytest.fixture
def run(run: Run) -> Run:
    """Run `allaprima export` and return exit code, standard output and standard error."""
    return partial(run, "export")
