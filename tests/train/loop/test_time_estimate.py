"""What a run says of its own length."""

from types import SimpleNamespace
from typing import Any

import pytest

from allaprima.train.loop.limits import RunLimits
from allaprima.train.loop.time_estimate import TIMED, WARMING_UP, Outlook, advice
from allaprima.train.settings.durations import approximate, parse_duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.4, "3 s"), (89, "89 s"), (90, "2 min"), (720, "12 min"), (9000, "2.5 h")]
)
def test_times_are_said_as_people_do(seconds: float, text: str) -> None:
    assert approximate(seconds) == text


def after_some_steps(limits: RunLimits, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> str:
    clock = iter([100.0, 100.0 + 0.5 * TIMED])
    monkeypatch.setattr(
        "allaprima.train.loop.time_estimate.time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    outlook = Outlook(limits, validate_every=100)
    trainer: Any = SimpleNamespace(global_step=0)
    outlook.on_train_start(trainer, None)  # type: ignore[arg-type]
    with caplog.at_level("INFO", "allaprima"):
        for step in range(1, WARMING_UP + TIMED + 5):
            trainer.global_step = step
            outlook.on_train_batch_end(trainer, None, None, None, step)  # type: ignore[arg-type]
    (record,) = caplog.records
    return record.getMessage()


def test_a_run_of_steps_says_how_long(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    message = after_some_steps(RunLimits(1008, None), caplog, monkeypatch)
    assert message == (
        "0.50 s a step on this machine: 1008 steps, 8 min to the end; first preview (tensorboard) in 46 s"
    )


def test_a_run_of_a_time_says_how_many_steps(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    message = after_some_steps(RunLimits(None, parse_duration("30s")), caplog, monkeypatch)
    assert message == "0.50 s a step on this machine: 68 steps, 30 s to the end"


def test_advice_follows_the_curve() -> None:
    falling = [(100, 4.0), (200, 3.0), (300, 2.5), (400, 2.4)]
    assert advice(falling, style_size=384, style_side=900).startswith("more time would help most: ")
    assert "20 %" in advice(falling, style_size=384, style_side=900)
    flat = [(100, 2.0), (200, 1.5), (400, 1.47)]
    assert "--style-size 768" in advice(flat, style_size=384, style_side=900)
    assert "--style-size 500" in advice(flat, style_size=384, style_side=500)
    assert advice(flat, style_size=384, style_side=384).startswith("it has learned nearly all")
    assert advice([(100, 0.0), (200, 0.0), (400, 0.0)], style_size=None, style_side=9).startswith(
        "it has learned"
    )
    assert "too short" in advice([(10, 1.0)], style_size=384, style_side=900)
