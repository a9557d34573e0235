"""How the judgements of two loss networks are compared."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from allaprima.models.loss.compact import embedded_weights, save_compact
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss.loss_weights import random_loss_weights
from allaprima.train.distill.cli import bench_compact
from allaprima.train.distill.faithfulness import STAGES, Judgement, judge, rank_correlation, summary
from allaprima.train.distill.student import LAYERS
from tests.conftest import more_memory

MakeWeights = Callable[[str], dict[str, Tensor]]


def blotches(count: int, seed: int) -> Tensor:
    small = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(small, size=32, mode="bicubic").clamp(0, 1)


def stripes(period: float) -> Tensor:
    """A style picture that is unlike `blotches`: between pictures of one kind there is nothing to learn."""
    y, x = torch.meshgrid(torch.arange(64) / period, torch.arange(64) / period, indexing="ij")
    return (0.5 + 0.5 * torch.stack([(x + y).sin(), (x - y).sin(), (2 * x).cos()]))[None]


def test_rank_correlation_asks_for_order_alone() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 11, 500, 501]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # Spearman's own formula: 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15)
    assert rank_correlation([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)


def test_a_network_agrees_with_itself() -> None:
    network = LossNetwork("compact", LAYERS, embedded_weights())
    batches = [blotches(3, 1), blotches(3, 1)]
    judgements = list(judge(network, network, {"a": stripes(6), "b": stripes(3)}, batches, steps=10))
    assert len(judgements) == 2 * (2 * len(STAGES) - 1) * 3
    figures = summary(judgements)
    assert figures["pictures"] == len(judgements)
    assert all(value == pytest.approx(1) for value in figures["rank_correlation"].values())
    assert all(value == pytest.approx(0, abs=1e-9) for value in figures["gram_error"].values())
    ends = [j.compact["total"] for j in judgements if j.stage == STAGES[-1]]
    begins = [j.compact["total"] for j in judgements if j.stage == 0]
    assert sum(ends) / len(ends) < 0.8 * sum(begins) / len(begins)


def test_disagreement_shows() -> None:
    def judgement(compact: float, vgg19: float) -> Judgement:
        names = ["content", "style", "total"]
        terms = [dict.fromkeys(names, value) for value in (compact, vgg19)]
        return Judgement("a", 1.0, "compact", terms[0], terms[1], dict.fromkeys(LAYERS, compact))

    figures = summary([judgement(1, 3), judgement(2, 2), judgement(3, 1)])
    assert figures["rank_correlation"]["style"] == pytest.approx(-1)
    assert figures["rank_correlation_by_style"]["content"] == {"a": pytest.approx(-1)}
    assert figures["gram_error"]["relu4_1"] == pytest.approx(2)


def test_the_command_prints_writes_and_draws(
    random_weights: MakeWeights,
    photographs: Path,
    style_picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_file(random_weights("vgg19"), tmp_path / "vgg19.safetensors")
    save_compact(tmp_path / "own.safetensors", random_loss_weights("compact", seed=1), {})
    bench = partial(
        bench_compact, content=str(photographs), loss_weights=tmp_path / "vgg19.safetensors", crop_size=32
    )
    outputs: dict[str, Any] = {"json_file": tmp_path / "figures.json", "plot": tmp_path / "plot.png"}
    assert (
        bench(styles=str(style_picture.parent), network=tmp_path / "own.safetensors", steps=2, **outputs) == 0
    )
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert f"{figures['pictures']} pictures" in capsys.readouterr().out
    assert set(figures["gram_error"]) == set(LAYERS)
    with Image.open(tmp_path / "plot.png") as plot:
        assert plot.width > 600
    large: dict[str, Any] = {"styles": str(style_picture.parent), "crop_size": 1024}
    with more_memory(700_000_000), pytest.raises(MemoryError, match="lower --crop-size"):
        bench(**large)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no pictures in"):
        bench(styles=str(tmp_path / "empty"))
