"""A small style to export."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from allaprima import __main__
from allaprima.models.style_file import StyleHeader, save_style
from allaprima.models.transformer import TransformerNetwork

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def small_style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("styles") / "wave.safetensors"
    network = TransformerNetwork(width=4, residual_blocks=1)
    save_style(path, network, StyleHeader(style_name="wave", style_sha256="ab" * 32))
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `allaprima export` and return exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["allaprima", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, captured.out, captured.err

    return run
