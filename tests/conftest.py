"""Pictures, weights and paths that several tests need."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from allaprima import __main__
from allaprima.freed_memory import give_back_freed_memory
from allaprima.models.loss.loss_weights import random_loss_weights
from allaprima.models.network_presets import NETWORKS, NetworkName
from allaprima.models.transformer import TransformerNetwork

ROOT = Path(__file__).parent.parent
Run = Callable[..., tuple[int, str, str]]
SHARED = ROOT.parent / "shared"


def pytest_configure() -> None:
    """Let SIGHUP arrive where tests send it: under nohup it is ignored, and programs keep to that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process become larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def more_memory(size: int) -> Iterator[None]:
    """Let this process have no more memory than it has and `size` bytes, as under `ulimit -v`."""
    if torch.cuda.is_available():
        pytest.skip("a GPU has memory of its own")
    import_module("allaprima.train.benchmark")  # libraries take memory, too
    give_back_freed_memory()  # which would be there besides
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the development data in ../shared")
    return SHARED


@lru_cache
def make_weights(architecture: str, stages: int = 5) -> dict[str, Tensor]:
    """Return random VGG weights of the first stages."""
    channels = 64 * 2 ** (stages - 1)
    return {name: w for name, w in random_loss_weights(architecture).items() if w.shape[0] <= channels}


@pytest.fixture(scope="session")
def random_weights() -> Callable[[str], dict[str, Tensor]]:
    """Make random weights of a whole VGG."""
    return make_weights


@pytest.fixture(scope="session")
def small_weights() -> dict[str, Tensor]:
    """Random VGG-19 weights up to relu2_2."""
    return make_weights("vgg19", stages=2)


@pytest.fixture(scope="session")
def small_weights_file(small_weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(small_weights, path)
    return path


def paint(height: int, width: int, seed: int) -> Image.Image:
    """Return a smooth picture with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 32
    waves = [np.sin(rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + rng.uniform(0, 6)) for _ in range(3)]
    pixels = 127 + 90 * np.stack(waves, -1) + rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twenty small pictures."""
    folder = tmp_path_factory.mktemp("photographs")
    for index in range(20):
        paint(64 + index, 96 - index, index).save(folder / f"{index:02}.jpg", quality=95)
    return folder


@pytest.fixture(scope="session")
def style_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "waves.png"
    paint(80, 72, 99).save(path)
    return path


def small_network(name: NetworkName) -> TransformerNetwork:
    """Return a network of the kind with that name, in evaluation mode, always with the same weights."""
    torch.manual_seed(0)
    parts = NETWORKS[name].model_copy(update={"width": 4, "residual_blocks": 1})
    return TransformerNetwork(**parts.model_dump()).eval()


@pytest.fixture(scope="session")
def users_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def the_same_everywhere(users_cache: Path) -> Iterator[None]:
    """The user's cache stays as it is; `--engine auto` is eager, where OpenVINO is faster too."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("ALLAPRIMA_CACHE", str(users_cache))
        monkeypatch.setattr("allaprima.infer.engines.openvino.computes_bfloat16", lambda: False)
        monkeypatch.setattr("allaprima.infer.engines.openvino_speedups.is_installed", lambda: False)
        yield


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `allaprima` with arguments and return exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["allaprima", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, captured.out, captured.err

    return run
