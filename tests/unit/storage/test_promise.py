"""How long footage is kept: the calendar of R-15."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import RetentionClass
from storage.promise import BEIJING, RetentionRules, add_months, keep_until

instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)


def beijing(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BEIJING)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("end_time", "until"),
    [
        # 1 February to 1 May are 89 days: the 90 days win.
        (beijing(2026, 2, 1, 12), beijing(2026, 5, 2, 12)),
        # 1 March to 1 June are 92 days: the calendar wins.
        (beijing(2026, 3, 1, 12), beijing(2026, 6, 1, 12)),
        # In a leap year 1 December to 1 March are 91 days, in another one 90.
        (beijing(2027, 12, 1, 0), beijing(2028, 3, 1, 0)),
        (beijing(2026, 12, 1, 0), beijing(2027, 3, 1, 0)),
        # No 31 April, no 30 February: the last day counts in full, to its 24:00.
        (beijing(2026, 1, 31, 9), beijing(2026, 5, 1, 9)),
        (beijing(2026, 11, 30, 9), beijing(2027, 3, 1, 0)),
        (beijing(2027, 11, 29, 9), beijing(2028, 2, 29, 9)),
        (beijing(2027, 11, 30, 9), beijing(2028, 3, 1, 0)),
        (beijing(2026, 8, 31, 9), beijing(2026, 12, 1, 0)),
        # The day is a day in Beijing: 23:30 UTC on 28 November is the 29th there.
        (datetime(2027, 11, 28, 23, 30, tzinfo=UTC), beijing(2028, 2, 29, 7, 30)),
    ],
)
def test_three_months_are_the_longer_of_ninety_days_and_the_calendar(
    end_time: datetime, until: datetime
) -> None:
    assert keep_until(end_time, RetentionClass.KEY) == until


def test_ordinary_and_counter_terrorism_count_days() -> None:
    end_time = datetime(2026, 1, 31, 16, tzinfo=UTC)
    assert keep_until(end_time, RetentionClass.ORDINARY) == end_time + timedelta(days=30)
    assert keep_until(end_time, RetentionClass.COUNTER_TERRORISM) == end_time + timedelta(days=90)


def test_longer_rules_of_a_site_are_followed() -> None:
    rules = RetentionRules(ordinary_days=45, key_days=90, key_months=12, counter_terrorism_days=180)
    end_time = beijing(2026, 3, 1)
    assert keep_until(end_time, RetentionClass.ORDINARY, rules) == beijing(2026, 4, 15)
    assert keep_until(end_time, RetentionClass.KEY, rules) == beijing(2027, 3, 1)
    assert keep_until(end_time, RetentionClass.COUNTER_TERRORISM, rules) == end_time + timedelta(days=180)


@given(instants)
def test_key_footage_is_never_kept_shorter_than_either_rule(end_time: datetime) -> None:
    until = keep_until(end_time, RetentionClass.KEY)
    kept = until - end_time
    assert timedelta(days=90) <= kept <= timedelta(days=93)
    local_end, local_until = end_time.astimezone(BEIJING), until.astimezone(BEIJING)
    months = (local_until.year - local_end.year) * 12 + local_until.month - local_end.month
    assert months >= 3
    assert until >= keep_until(end_time, RetentionClass.COUNTER_TERRORISM)
    assert until.tzinfo is UTC


@given(instants, st.timedeltas(timedelta(0), timedelta(days=5)), st.sampled_from(list(RetentionClass)))
def test_later_footage_never_expires_before_earlier_footage(
    end_time: datetime, later: timedelta, retention_class: RetentionClass
) -> None:
    assert keep_until(end_time, retention_class) <= keep_until(end_time + later, retention_class)


@given(instants, st.integers(-12, 14), st.sampled_from(list(RetentionClass)))
def test_zone_of_the_argument_does_not_matter(
    end_time: datetime, hours: int, retention_class: RetentionClass
) -> None:
    elsewhere = end_time.astimezone(timezone(timedelta(hours=hours)))
    assert keep_until(elsewhere, retention_class) == keep_until(end_time, retention_class)


@given(instants, st.integers(0, 60))
def test_months_are_added_on_the_calendar(instant: datetime, months: int) -> None:
    local, after = instant.astimezone(BEIJING), add_months(instant, months)
    if after.day == local.day:
        assert (after.time(), (after.year * 12 + after.month) - (local.year * 12 + local.month)) == (
            local.time(),
            months,
        )
    else:
        assert (after.day, after.hour, after.minute, after.second) == (1, 0, 0, 0)
