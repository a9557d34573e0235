"""The rank of a result among an optimiser's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from allaprima.train.evaluate.against_optimizer import (
    Comparison,
    compare,
    equivalent_evaluations,
    headline,
    plot,
    summary,
)
from allaprima.train.evaluate.scores import Photograph, PictureScore


@pytest.mark.parametrize(
    ("level", "evaluations"),
    [(100.0, 1.0), (10.0, 2.0), (1.0, 4.0), (10**0.5, 3.5), (31.6228, 1.5), (101.0, 0.0), (0.5, None)],
)
def test_evaluations_between_known_points(level: float, evaluations: float | None) -> None:
    totals = [100.0, 10.0, 50.0, 1.0, 2.0]  # the third is a step that a line search takes back
    equivalent = equivalent_evaluations(totals, level)
    assert equivalent == (None if evaluations is None else pytest.approx(evaluations, rel=1e-4))


def test_a_perfect_result_of_the_optimiser_is_a_bound() -> None:
    assert equivalent_evaluations([4.0, 0.0], 1.0) == 2.0
    assert equivalent_evaluations([4.0, 0.0], 0.0) == 2.0


def test_mean_and_range(tmp_path: Path) -> None:
    comparisons = [
        Comparison("a.jpg", 10.0, [100.0, 10.0, 1.0], [100.0, 10.0, 0.1]),
        Comparison("b.jpg", 1.0, [100.0, 10.0, 1.0], [100.0, 1.0, 0.1]),
        Comparison("c.jpg", 0.1, [100.0, 10.0, 1.0], [100.0, 10.0, 0.1]),
    ]
    assert summary(comparisons) == {
        "mean": pytest.approx(8 / 3),
        "lowest": 2,
        "highest": 3,
        "not_reached": 1,
        "unclipped_mean": pytest.approx(7 / 3),
        "unclipped_not_reached": 0,
    }
    assert headline(comparisons) == (
        "equivalent L-BFGS evaluations: at least 2.7 (2.0 to more than 3.0, 1 of 3 not reached); "
        "2.3 before its pictures are clipped to [0, 1]"
    )
    assert headline([Comparison("a.jpg", 1.0, [10.0, 1.0], [10.0, 2.0])]) == (
        "equivalent L-BFGS evaluations: 2.0 (2.0 to 2.0); "
        "at least 2.0 before its pictures are clipped to [0, 1]"
    )
    plot(comparisons, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (960, 600)


class TowardsTwo:
    """An objective whose lowest picture lies outside [0, 1]: every value 2."""

    loss_network = SimpleNamespace(device=torch.device("cpu"))

    def content_targets(self, content_image: Tensor) -> dict[str, Tensor]:
        return {}

    def terms(self, stylized_image: Tensor, content_targets: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"total": (stylized_image - 2).square().mean()}


def test_the_optimisers_picture_is_measured_clipped_and_unclipped() -> None:
    photograph = Photograph("grey.png", lambda: np.full((16, 16, 3), 51, np.uint8))  # 0.2
    score = PictureScore(photograph, {"total": 1.0}, 3.24, {})
    comparison = compare(score, cast(Any, TowardsTwo()), 12)
    assert comparison.totals[0] == pytest.approx(comparison.unclipped_totals[0]) == pytest.approx(1.8**2)
    assert comparison.unclipped_totals[-1] < 0.01
    assert comparison.totals[-1] == 1.0  # white, as near to 2 as a file comes
    assert comparison.evaluations is not None
    assert comparison.unclipped_evaluations is not None
    assert comparison.unclipped_evaluations <= comparison.evaluations
