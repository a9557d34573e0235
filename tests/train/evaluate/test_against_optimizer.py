"""The rank of a result among an optimiser's."""

from pathlib import Path

import pytest
from PIL import Image

from allaprima.train.evaluate.against_optimizer import Comparison, equivalent_evaluations, plot, summary


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
        "unbounded_mean": pytest.approx(7 / 3),
        "not_reached": 1,
    }
    plot(comparisons, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (960, 600)
