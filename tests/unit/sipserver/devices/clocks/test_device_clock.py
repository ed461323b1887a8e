"""One device's clock: which evidence counts, when the alarm goes on and off."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.clocks.device_clock import (
    ERROR_S,
    Change,
    ClockSample,
    ClockSource,
    DeviceClock,
    rtcp_sample,
)

NOON = datetime(2026, 5, 1, 4, tzinfo=UTC)
ALARM_S = 10.0


def sample(
    offset_s: float, source: ClockSource = ClockSource.STATUS, after: timedelta = timedelta()
) -> ClockSample:
    return ClockSample(offset_s, ERROR_S[source], source, NOON + after)


def test_a_clock_that_is_off_raises_the_alarm_once_and_a_right_one_ends_it() -> None:
    clock = DeviceClock()
    assert clock.add(sample(3), ALARM_S) is None
    assert clock.add(sample(12), ALARM_S) is Change.DRIFTED
    assert clock.drifting_since == NOON
    assert clock.add(sample(13), ALARM_S) is None
    assert clock.add(sample(8), ALARM_S) is None, "still above half of the limit"
    assert clock.add(sample(2), ALARM_S) is Change.CORRECTED
    assert clock.drifting_since is None


def test_a_poor_sample_does_not_contradict_a_good_fresh_one() -> None:
    clock = DeviceClock()
    clock.add(sample(0.2), ALARM_S)
    assert clock.add(sample(-3_600, ClockSource.ALARM), ALARM_S) is None
    later = timedelta(hours=25)
    assert clock.add(sample(-3_600, ClockSource.ALARM, later), ALARM_S) is Change.DRIFTED


def test_the_best_is_the_most_exact_and_of_two_alike_the_newer() -> None:
    clock = DeviceClock()
    clock.add(sample(5, ClockSource.ALARM), ALARM_S)
    clock.add(sample(1, ClockSource.STATUS), ALARM_S)
    clock.add(sample(2, ClockSource.REGISTER, timedelta(seconds=1)), ALARM_S)
    best = clock.best(NOON + timedelta(seconds=2))
    assert best is not None
    assert best.source is ClockSource.REGISTER
    assert clock.best(NOON + timedelta(days=3)) is None


def test_a_clock_in_another_zone_is_told_from_one_that_drifts() -> None:
    assert sample(-28_800 + 2).zone_hours == -8
    assert sample(-28_800 + 100).zone_hours == 0
    assert sample(0.5).zone_hours == 0


def test_sender_reports_in_local_time_are_no_error_of_eight_hours() -> None:
    assert rtcp_sample(28_800.5, NOON).offset_s == 0.5
    assert rtcp_sample(42, NOON).offset_s == 42


def test_a_sender_that_counts_from_its_start_has_no_clock() -> None:
    clock = DeviceClock()
    assert clock.add(rtcp_sample(-3.9e9, NOON), ALARM_S) is None
    assert clock.best(NOON) is None


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.sampled_from(ClockSource)), max_size=30))
def test_the_alarm_is_on_between_drifted_and_corrected_and_never_twice(
    samples: list[tuple[float, ClockSource]],
) -> None:
    clock = DeviceClock()
    is_on = False
    for index, (offset_s, source) in enumerate(samples):
        change = clock.add(sample(offset_s, source, timedelta(minutes=index)), ALARM_S)
        assert change is not (Change.DRIFTED if is_on else Change.CORRECTED)
        is_on = is_on if change is None else change is Change.DRIFTED
        assert (clock.drifting_since is not None) == is_on
