"""The size that holds a rate: down when frames take too long, up where there is room, in small steps."""

import math
from itertools import pairwise

import pytest

from allaprima.infer.live.adaptive_size import AdaptiveSize, ladder, largest_size


class Machine:
    """Paints frames in a time that grows with their area, on a clock of its own."""

    def __init__(self, megapixels_per_second: float, largest: tuple[int, int], rate: float | None) -> None:
        self.now = 0.0
        self.speed = megapixels_per_second * 1e6
        self.size = AdaptiveSize(largest, rate, lambda: self.now)
        self.seen = [self.size.size]

    def paint(self, seconds: float) -> int:
        """Paint for so long; return how many frames that were."""
        frames, end = 0, self.now + seconds
        while self.now < end:
            took = 0.002 + math.prod(self.size.size) / self.speed
            self.now += took
            frames += 1
            if self.size.note(took):
                self.seen.append(self.size.size)
        return frames


def test_a_slow_machine_holds_the_rate_at_a_smaller_size() -> None:
    machine = Machine(3.0, (720, 1280), 24)
    machine.paint(5)
    assert machine.paint(10) / 10 >= 24
    height, width = machine.size.size
    assert 0.6 / 24 < 0.002 + height * width / 3e6 < 1 / 24  # and no smaller than need be
    assert width / height == pytest.approx(1280 / 720, rel=0.04)


def test_a_fast_machine_stays_at_the_largest() -> None:
    machine = Machine(100, (720, 1280), 30)
    machine.paint(20)
    assert machine.seen == [(720, 1280)]


def test_sizes_change_smoothly() -> None:
    machine = Machine(1.0, (720, 1280), 24)
    machine.paint(10)
    machine.speed = 5e6
    machine.paint(30)
    areas = [math.prod(size) for size in machine.seen]
    assert min(areas) < areas[-1]
    for before, after in pairwise(areas):
        assert 0.5 < after / before < 1.3


def test_it_settles_and_tries_a_larger_size_less_and_less_often() -> None:
    machine = Machine(2.2, (720, 1280), 24)
    machine.paint(60)
    machine.seen.clear()
    machine.paint(60)
    assert len(machine.seen) <= 4


def test_a_size_that_fails_after_it_was_gone_up_to_is_tried_again_later() -> None:
    """Where larger frames take longer than their area says, as beside other programs."""
    tries: list[float] = []
    now = 0.0
    size = AdaptiveSize((480, 640), 20, lambda: now)
    good, too_large = size.sizes[4], size.sizes[3]
    for _ in range(20_000):
        took = 0.03 if math.prod(size.size) <= math.prod(good) else 0.06
        now += took
        before = size.size
        if size.note(took) and (before, size.size) == (good, too_large):
            tries.append(now)
    waits = [after - before for before, after in pairwise(tries)]
    assert all(after > 1.5 * before for before, after in pairwise(waits[:5]))
    assert waits[-1] > 50


def test_without_a_rate_the_size_stays() -> None:
    size = AdaptiveSize((720, 1280), None)
    assert size.sizes == [(720, 1280)]
    assert not any(size.note(10.0) for _ in range(50))


def test_ladders_end_where_pictures_get_too_small() -> None:
    assert ladder((64, 64)) == [(64, 64)]
    sizes = ladder((256, 340))
    assert sizes[0] == (256, 340)
    assert sizes[-1] == (64, 88)
    assert all(math.prod(after) < math.prod(before) for before, after in pairwise(sizes))


def test_a_height_that_is_asked_for_keeps_the_shape() -> None:
    assert largest_size((720, 1280), None) == (720, 1280)
    assert largest_size((720, 1280), 1080) == (720, 1280)
    assert largest_size((720, 1280), 360) == (360, 640)
    assert largest_size((1000, 20), 16) == (800, 16)
