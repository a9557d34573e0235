"""What passes from thread to thread: little at a time, in order, errors both ways."""

import threading
import time

import pytest

from allaprima.infer.video.bounded_queue import Abandoned, Channel


def test_a_sender_waits_for_room() -> None:
    channel: Channel[int] = Channel(3)
    sent: list[int] = []

    def send() -> None:
        for number in range(10):
            channel.put(number)
            sent.append(number)
        channel.finish()

    thread = threading.Thread(target=send)
    thread.start()
    deadline = time.monotonic() + 5
    while len(sent) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert sent == [0, 1, 2]
    assert list(channel) == list(range(10))
    thread.join()


def test_errors_reach_who_takes_after_what_came_before() -> None:
    channel: Channel[int] = Channel(3)
    channel.put(1)
    channel.finish(OSError("gone"))
    taken: list[int] = []
    with pytest.raises(OSError, match="gone"):
        taken.extend(channel)
    assert taken == [1]


def test_who_puts_learns_that_nobody_takes() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    waiting = threading.Timer(0.02, channel.abandon)
    waiting.start()
    with pytest.raises(Abandoned):
        channel.put(2)
    waiting.join()
