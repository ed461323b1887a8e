"""A clock that jumps ahead must not delete."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.clock_guard import ClockGuard

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0


def guard(last_run: datetime | None = None, *, was_paused: bool = False) -> ClockGuard:
    return ClockGuard(
        jump_s=HOUR, downtime_limit_s=7 * DAY, settle_s=DAY, last_run=last_run, was_paused=was_paused
    )


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_steady_clock_is_trusted_for_months() -> None:
    steady = guard()
    assert all(steady.check(at(n * HOUR), 5 + n * HOUR) for n in range(24 * 120))


@pytest.mark.parametrize(("jump_s", "trusted"), [(HOUR, True), (HOUR + 1, False), (-10 * DAY, True)])
def test_jump_is_measured_against_the_monotonic_clock(jump_s: float, trusted: bool) -> None:
    each = guard()
    each.check(START, 0)
    assert each.check(at(60 + jump_s), 60) is trusted


def test_many_small_steps_are_a_jump_as_well() -> None:
    creeping = guard()
    trusted = [creeping.check(at(n * 60 + n * 600), n * 60) for n in range(10)]
    assert trusted == [True] * 7 + [False] * 3


def test_clock_that_comes_back_is_trusted_again() -> None:
    each = guard()
    each.check(START, 0)
    assert not each.check(at(30 * DAY), 60)
    assert "2,591,940 s ahead" in each.reason
    assert not each.check(at(30 * DAY + 60), 120)
    assert each.check(at(180), 180)
    assert each.reason == ""


def test_clock_that_stays_is_trusted_after_it_settled() -> None:
    """A machine whose clock was wrong before must not fill its disk for ever."""
    each = guard()
    each.check(START, 0)
    jumped = 400 * DAY
    assert not each.check(at(jumped), 1)
    assert not each.check(at(jumped + DAY - 2), DAY - 1)
    assert each.check(at(jumped + DAY), DAY + 1)


def test_second_jump_starts_the_settling_anew() -> None:
    each = guard()
    each.check(START, 0)
    each.check(at(30 * DAY), 1)
    assert not each.check(at(60 * DAY), DAY / 2)
    assert not each.check(at(60 * DAY + DAY / 2 + 1), DAY + 1)
    assert each.check(at(60 * DAY + DAY), 1.5 * DAY)


def test_operator_can_say_that_the_clock_is_right() -> None:
    each = guard()
    each.check(START, 0)
    assert not each.check(at(30 * DAY), 1)
    each.acknowledge(at(30 * DAY + 5), 6)
    assert each.check(at(30 * DAY + 60), 61)


@pytest.mark.parametrize(("away_s", "trusted"), [(6 * DAY, True), (8 * DAY, False), (-8 * DAY, True)])
def test_start_long_after_the_last_run_is_doubted(away_s: float, trusted: bool) -> None:
    assert guard(START).check(at(away_s), 0) is trusted


def test_pause_outlives_a_restart() -> None:
    assert not guard(START, was_paused=True).check(at(2 * DAY), 0)
    assert guard(START, was_paused=True).check(at(60), 0)


@given(st.lists(st.tuples(st.floats(0, 2 * DAY), st.floats(0, 90 * DAY)), min_size=1, max_size=30))
def test_no_step_ahead_is_trusted_at_once(steps: list[tuple[float, float]]) -> None:
    """Whatever was trusted before, the check right after a jump deletes nothing that the jump made old."""
    each = guard()
    wall, monotonic = 0.0, 0.0
    each.check(START, 0)
    for elapsed, jump in steps:
        wall, monotonic = wall + elapsed + jump, monotonic + elapsed
        if each.check(at(wall), monotonic):
            assert jump <= HOUR + 1
