"""Times as people write them, and which part of a clip they name."""

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from allaprima.images.video.time_range import Section, Window, parse_time

if TYPE_CHECKING:
    from av.container.core import Chapter


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


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (Section(), [(0, 2000), (2000, 4000), (4000, 4000), (4000, 6000)]),
        (Section(Fraction(1), Fraction(3)), [(0, 1000), (1000, 2000)]),
        (Section(Fraction(2), Fraction(4)), [(0, 2000)]),
        (Section(Fraction(3)), [(0, 1000), (1000, 1000), (1000, 3000)]),
        (Section(end=Fraction(1)), [(0, 1000)]),
        (Section(Fraction(7)), []),
    ],
)
def test_chapters_are_cut_to_the_section(section: Section, expected: list[tuple[int, int]]) -> None:
    times = [(0, 2000), (2000, 4000), (4000, 4000), (4000, 6000)]
    chapters: list[Chapter] = [
        {"id": 0, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {}}
        for start, end in times
    ]
    cut = Window(section, Fraction(0)).chapters(chapters)
    assert [(chapter["start"], chapter["end"]) for chapter in cut] == expected
