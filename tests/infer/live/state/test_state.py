"""What the threads share: only the newest, growing pauses, figures, controls."""

import threading
import time

import numpy as np
import pytest

from allaprima.infer.live.state.controls import Controls
from allaprima.infer.live.state.figures import Figures
from allaprima.infer.live.state.newest import Newest
from allaprima.infer.live.state.pauses import Pauses
from allaprima.infer.live.state.shown import Shown

PICTURE = np.zeros((2, 2, 3), np.uint8)


def test_only_the_newest_is_kept_and_the_others_are_counted() -> None:
    newest: Newest[int] = Newest()
    for number in range(5):
        newest.put(number)
    assert (newest.take(), newest.dropped) == (4, 4)
    assert newest.take(0.01) is None
    newest.put(5)
    newest.close()
    assert (newest.take(), newest.take(), newest.dropped) == (5, None, 4)


def test_who_waits_gets_what_comes() -> None:
    newest: Newest[str] = Newest()
    thread = threading.Timer(0.05, lambda: newest.put("here"))
    thread.start()
    assert newest.take(30) == "here"
    thread.join()


def test_pauses_grow_up_to_ten_seconds() -> None:
    pauses = Pauses()
    assert [pauses.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    pauses.reset()
    assert pauses.next() == 0.5


def test_latency_is_the_time_from_arrival_to_display() -> None:
    figures = Figures()
    assert figures.latency() is None
    now = time.perf_counter()
    for index in range(100):
        figures.note_displayed(Shown(PICTURE, now - index))
    figures.note_displayed(Shown(PICTURE, now - 1000, still=True))
    latency = figures.latency()
    assert latency is not None
    assert latency.median == pytest.approx(49.5, abs=0.4)
    assert latency.p95 == pytest.approx(94, abs=0.4)


def test_the_rate_is_of_the_last_seconds() -> None:
    figures = Figures()
    figures.note_painted()
    time.sleep(0.2)
    figures.restart()
    for _ in range(10):
        figures.note_painted()
    assert figures.painted == 10
    time.sleep(0.5)
    assert 10 / 2 < figures.rate() < 10 / 0.5
    time.sleep(2)
    assert figures.rate() == 0
    assert figures.mean_rate() < 10 / 2.5


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
