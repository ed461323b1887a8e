"""Which alarms are the same one again. Q49."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.alarms.repeats import AlarmKind, Repeats

MOTION = AlarmKind("d", "c", 5, 2, "", None)
TAMPER = AlarmKind("d", "c", 2, 2, "", None)


def test_the_same_alarm_within_the_window_is_a_repeat() -> None:
    repeats = Repeats(10, 300)
    assert repeats.repeated(MOTION, 0) is None
    repeats.began(MOTION, "first", 0)
    assert repeats.repeated(MOTION, 9.9) == "first"
    assert repeats.repeated(TAMPER, 9.9) is None


def test_the_window_slides_and_a_pause_ends_it() -> None:
    repeats = Repeats(10, 300)
    repeats.began(MOTION, "first", 0)
    assert [repeats.repeated(MOTION, now) for now in (8, 16, 24)] == ["first"] * 3
    assert repeats.repeated(MOTION, 34) is None


def test_an_alarm_without_end_becomes_a_new_one() -> None:
    repeats = Repeats(10, 30)
    repeats.began(MOTION, "first", 0)
    found = [repeats.repeated(MOTION, now) for now in range(1, 31)]
    assert found == ["first"] * 29 + [None]


def test_without_a_window_nothing_is_a_repeat() -> None:
    repeats = Repeats(0, 300)
    repeats.began(MOTION, "first", 0)
    assert repeats.repeated(MOTION, 0) is None


@pytest.mark.parametrize("extra", [0, 1])
def test_the_table_is_bounded_and_forgets_the_oldest(extra: int) -> None:
    repeats = Repeats(10, 300, max_keys=3)
    kinds = [AlarmKind("d", "c", 5, number, "", None) for number in range(3 + extra)]
    for kind in kinds:
        repeats.began(kind, f"{kind.alarm_type}", 0)
    assert len(repeats) == 3
    assert (repeats.repeated(kinds[0], 1) is None) is bool(extra)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50).map(sorted))
def test_alarms_and_repeats_add_up(moments: list[float]) -> None:
    repeats, ids = Repeats(10, 60), []
    for now in moments:
        known = repeats.repeated(MOTION, now)
        if known is None:
            ids.append(now)
            repeats.began(MOTION, str(now), now)
        else:
            assert known == str(ids[-1])
            assert now - ids[-1] < 60
    assert ids[0] == moments[0]
