import pytest

from allaprima.train.loop.schedule import averaging_decay, learning_rate_factor


def test_warm_up_then_cosine() -> None:
    def factor(step: int, progress: float) -> float:
        return learning_rate_factor(step, progress, warmup_steps=4, final=0.1)

    assert factor(0, 0.0) == pytest.approx(0.2)
    assert factor(3, 0.0) == pytest.approx(0.8)
    assert factor(4, 0.0) == pytest.approx(1.0)
    assert factor(50, 0.5) == pytest.approx(0.55)
    assert factor(100, 1.0) == pytest.approx(0.1)
    assert factor(120, 1.2) == pytest.approx(0.1)


def test_constant_rate_of_the_paper() -> None:
    assert learning_rate_factor(0, 0.7, warmup_steps=0, final=1.0) == 1.0


def test_average_is_short_at_first() -> None:
    assert averaging_decay(0, 0.999) == pytest.approx(0.1)
    assert averaging_decay(10**6, 0.999) == 0.999
