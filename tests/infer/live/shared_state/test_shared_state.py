"""What the threads share: only the newest, growing pauses, figures, controls."""

import threading
import time

import numpy as np
import pytest

from allaprima.infer.live.shared_state.backoff import Backoff
from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.latest_value import LatestValue
from allaprima.infer.live.shared_state.metrics import Metrics
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame

PICTURE = np.zeros((2, 2, 3), np.uint8)


def test_only_the_newest_is_kept_and_the_others_are_counted() -> None:
    newest: LatestValue[int] = LatestValue()
    for number in range(5):
        newest.put(number)
    assert (newest.take(), newest.dropped) == (4, 4)
    assert newest.take(0.01) is None
    newest.put(5)
    newest.close()
    assert (newest.take(), newest.take(), newest.dropped) == (5, None, 4)


def test_who_waits_gets_what_comes() -> None:
    newest: LatestValue[str] = LatestValue()
    thread = threading.Timer(0.05, lambda: newest.put("here"))
    thread.start()
    assert newest.take(30) == "here"
    thread.join()


def test_pauses_grow_up_to_ten_seconds() -> None:
    backoff = Backoff()
    assert [backoff.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next() == 0.5


def test_latency_is_the_time_from_arrival_to_display() -> None:
    metrics = Metrics()
    assert metrics.latency() is None
    now = time.perf_counter()
    for index in range(100):
        metrics.note_displayed(PaintedFrame(PICTURE, now - index))
    metrics.note_displayed(PaintedFrame(PICTURE, now - 1000, still=True))
    latency = metrics.latency()
    assert latency is not None
    assert latency.median == pytest.approx(49.5, abs=0.4)
    assert latency.p95 == pytest.approx(94, abs=0.4)


def test_the_rate_is_of_the_last_seconds() -> None:
    metrics = Metrics()
    metrics.note_painted()
    time.sleep(0.2)
    metrics.restart()
    for _ in range(10):
        metrics.note_painted()
    assert metrics.painted == 10
    time.sleep(0.5)
    assert 10 / 2 < metrics.rate() < 10 / 0.5
    time.sleep(2)
    assert metrics.rate() == 0
    assert metrics.mean_rate() < 10 / 2.5


def test_controls_change_style_and_strength() -> None:
    controls = Controls(["night", "waves", "glass"], 0.5)
    controls.choose("waves")
    assert (controls.style, controls.chosen) == ("waves", 1)
    controls.choose_number(3)
    assert controls.style == "night"
    controls.choose_number(-1)
    assert controls.style == "glass"
    for _ in range(10):
        controls.change_strength(0.1)
    assert controls.strength == 1
    with pytest.raises(ValueError, match=r"unknown style 'wave'; .* \(did you mean waves\?\)"):
        controls.choose("wave")
    with pytest.raises(ValueError, match="strength is 2; expected 0 to 1"):
        controls.set_strength(2)
    with pytest.raises(ValueError, match="strength is nan"):
        controls.set_strength(float("nan"))
    assert (controls.style, controls.strength) == ("glass", 1)
