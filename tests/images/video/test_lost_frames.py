"""Lost frames are told by timestamps."""

from allaprima.images.video.lost_frames import Gaps


def fed(*times: int) -> Gaps:
    gaps = Gaps()
    for time in times:
        gaps.expect(time)
    return gaps


def test_frames_that_come_in_order_leave_no_gap() -> None:
    gaps = fed(0, 20, 10, 30)
    gaps.note_error()
    assert [gaps.before(pts) for pts in (0, 10, 20, 30, None)] == [[]] * 5


def test_what_did_not_come_before_an_error_is_lost() -> None:
    gaps = fed(0, 20, 10, 30, 40)
    assert gaps.before(0) == []
    gaps.note_error()
    assert gaps.before(30) == [10, 20]
    gaps.note_error()
    assert gaps.before(None) == [40]


def test_hidden_frames_are_not_lost() -> None:
    gaps = fed(0, 10, 20)
    assert gaps.before(0) == []
    assert gaps.before(20) == []
    gaps.note_error()
    assert gaps.before(None) == []


def test_packets_without_times_are_not_missed() -> None:
    gaps = Gaps()
    gaps.expect(None)
    gaps.note_error()
    assert gaps.before(10) == []
