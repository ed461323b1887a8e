"""When an announcement is due."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.audio.timetable import TIMES_MAX, Timetable
from sipserver.gb.gb_time import BEIJING

NOON = time(12)


def beijing(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("timetable", "after", "due"),
    [
        (Timetable((NOON,)), "2024-05-01T08:00:00", "2024-05-01T12:00:00"),
        (Timetable((NOON,)), "2024-05-01T12:00:00", "2024-05-02T12:00:00"),
        (Timetable((time(18), NOON)), "2024-05-01T13:00:00", "2024-05-01T18:00:00"),
        (Timetable((NOON,), weekdays=(1,)), "2024-05-01T08:00:00", "2024-05-06T12:00:00"),
        (Timetable((NOON,), first_date=date(2024, 6, 1)), "2024-05-01T08:00:00", "2024-06-01T12:00:00"),
        (Timetable((NOON,), last_date=date(2024, 5, 1)), "2024-05-01T12:00:00", None),
        (
            Timetable((NOON,), first_date=date(2024, 5, 1), last_date=date(2024, 5, 1)),
            "2024-05-01T08:00:00",
            "2024-05-01T12:00:00",
        ),
        (
            Timetable((NOON,), weekdays=(1,), first_date=date(2024, 5, 1), last_date=date(2024, 5, 5)),
            "2024-04-30T08:00:00",
            None,
        ),
        (Timetable((NOON,)), "2024-02-28T13:00:00", "2024-02-29T12:00:00"),
    ],
)
def test_next_time_is_the_first_after_now(timetable: Timetable, after: str, due: str | None) -> None:
    assert timetable.next_after(beijing(after)) == (None if due is None else beijing(due))


def test_moment_may_be_given_in_any_zone() -> None:
    """04:00 UTC is noon in Beijing."""
    just_before = datetime(2024, 5, 1, 3, 59, 59, tzinfo=UTC)
    assert Timetable((NOON,)).next_after(just_before) == datetime(2024, 5, 1, 4, tzinfo=UTC)


@given(
    st.lists(st.times(), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
)
def test_due_times_are_later_and_within_a_week(
    times: list[time], weekdays: list[int], moment: datetime
) -> None:
    now = moment.replace(tzinfo=UTC)
    due = Timetable(tuple(times), tuple(weekdays)).next_after(now)
    assert due is not None
    assert timedelta() < due - now <= timedelta(days=7)
    assert due.isoweekday() in weekdays


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": ()},
        {"times": (NOON,) * (TIMES_MAX + 1)},
        {"times": (NOON,), "weekdays": ()},
        {"times": (NOON,), "weekdays": (0,)},
        {"times": (NOON,), "weekdays": (8,)},
        {"times": (NOON,), "first_date": date(2024, 5, 2), "last_date": date(2024, 5, 1)},
        {"times": (NOON.replace(tzinfo=UTC),)},
    ],
)
def test_impossible_timetables_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Timetable(**wrong)  # type: ignore[arg-type]
