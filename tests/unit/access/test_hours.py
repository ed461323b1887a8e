"""Hours of the week."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.hours import DAY_MINUTES, Hours

MONDAY = 23
"""Of November 2026."""


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute)


def test_office_hours_are_from_the_first_minute_to_before_the_last() -> None:
    office = Hours((1, 2, 3, 4, 5), 8 * 60, 18 * 60)
    assert not office.include(at(MONDAY, 7, 59))
    assert office.include(at(MONDAY, 8))
    assert office.include(at(MONDAY + 4, 17, 59))
    assert not office.include(at(MONDAY, 18))
    assert not office.include(at(MONDAY + 5, 12)), "Saturday"


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = Hours((5,), 22 * 60, 6 * 60)
    assert friday_night.include(at(MONDAY + 4, 22))
    assert friday_night.include(at(MONDAY + 5, 5, 59))
    assert not friday_night.include(at(MONDAY + 5, 6))
    assert not friday_night.include(at(MONDAY + 5, 23))
    assert not friday_night.include(at(MONDAY + 4, 3)), "Thursday's night"


def test_sunday_night_goes_on_on_monday() -> None:
    assert Hours((7,), 23 * 60, 60).include(at(MONDAY, 0, 30))


def test_a_whole_day_ends_at_its_end() -> None:
    monday = Hours((1,))
    assert monday.include(at(MONDAY, 0))
    assert monday.include(at(MONDAY, 23, 59))
    assert not monday.include(at(MONDAY + 1, 0))


@pytest.mark.parametrize(
    ("weekdays", "start", "end"), [((), 0, 60), ((0,), 0, 60), ((8,), 0, 60), ((1,), 1440, 60), ((1,), 0, 0),
                                   ((1,), 0, 1441), ((1,), -1, 60)]
)  # fmt: skip
def test_what_is_no_time_is_refused(weekdays: tuple[int, ...], start: int, end: int) -> None:
    with pytest.raises(ValueError, match=r"weekdays|minutes"):
        Hours(weekdays, start, end)


@given(
    st.integers(0, DAY_MINUTES - 1), st.integers(1, DAY_MINUTES), st.integers(1, 7), st.integers(0, 10_079)
)
def test_a_span_holds_as_many_minutes_of_the_week_as_it_says(
    start: int, end: int, weekday: int, offset: int
) -> None:
    """Whatever the span: one run of minutes, around the week."""
    hours = Hours((weekday,), start, end)
    length = (end - start) % DAY_MINUTES or DAY_MINUTES
    first = (weekday - 1) * DAY_MINUTES + start
    day, minute = divmod(offset, DAY_MINUTES)
    expected = (offset - first) % (7 * DAY_MINUTES) < length
    assert hours.include(at(MONDAY + day, minute // 60, minute % 60)) is expected
