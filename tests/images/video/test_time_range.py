"""Times as people write them, and which part of a clip they name."""

from fractions import Fraction

import pytest

from allaprima.images.video.time_range import Section, Window, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("1:00:00", 3600), (" 0.25 ", 0.25), ("120:00", None)],
)
def test_times(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError, match="is not a time; expected seconds or h:m:s"):
            parse_time(text)
    else:
        assert parse_time(text) == Fraction(seconds)


def test_a_section_has_to_end_after_its_start() -> None:
    with pytest.raises(ValueError, match="the section from 3 s to 2 s is empty"):
        Section(Fraction(3), Fraction(2))


def test_a_section_counts_from_the_beginning_of_the_file() -> None:
    window = Window(Section(Fraction(2), Fraction(5)), begin=Fraction(10))
    assert [window.holds(Fraction(seconds)) for seconds in (11, 12, 14, 15)] == [False, True, True, False]
    assert window.moved(1250, Fraction(1, 100)) == 50


def test_a_whole_clip_keeps_its_times() -> None:
    window = Window(Section(), begin=Fraction(10))
    assert window.holds(Fraction(0))
    assert window.moved(1250, Fraction(1, 100)) == 1250
