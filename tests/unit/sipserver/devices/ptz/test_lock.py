"""Who has a camera."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.errors import ControlHeld
from sipserver.devices.ptz.lock import PRUNE_FROM, Holder, Locks

LOW, EQUAL, HIGH = (
    Holder("low", "low", 50),
    Holder("equal", "equal", 50),
    Holder("high", "high", 80),
)


def test_a_free_camera_is_taken_and_kept() -> None:
    locks: Locks[str] = Locks()
    assert locks.take("camera", LOW, 10, now=0) is None
    assert locks.take("camera", LOW, 10, now=5) is None
    lock = locks.get("camera", now=14.9)
    assert lock is not None
    assert (lock.holder, lock.expires_at) == (LOW, 15)
    assert locks.get("camera", now=15) is None


def test_a_short_use_does_not_shorten_a_long_lock() -> None:
    locks: Locks[str] = Locks()
    locks.take("camera", LOW, 600, now=0)
    locks.take("camera", LOW, 1, now=5)
    assert locks.get("camera", now=599) is not None


def test_equals_wait_and_the_higher_takes_over() -> None:
    locks: Locks[str] = Locks()
    locks.take("camera", LOW, 10, now=0)
    with pytest.raises(ControlHeld) as held:
        locks.take("camera", EQUAL, 10, now=4)
    assert (held.value.holder, held.value.priority, held.value.remaining_s) == ("low", 50, 6)
    before = locks.take("camera", HIGH, 10, now=4)
    assert before is not None
    assert before.holder == LOW
    with pytest.raises(ControlHeld):
        locks.take("camera", LOW, 10, now=13.9)
    assert locks.take("camera", LOW, 10, now=14) is None


def test_only_the_holder_gives_back() -> None:
    locks: Locks[str] = Locks()
    locks.take("one", LOW, 10, now=0)
    locks.take("two", LOW, 10, now=0)
    locks.take("three", HIGH, 10, now=0)
    assert not locks.release("one", "high", now=1)
    assert locks.release("one", "low", now=1)
    assert not locks.release("one", "low", now=1)
    assert locks.release_all("low") == ["two"]
    assert len(locks) == 1


def test_lapsed_locks_do_not_pile_up() -> None:
    locks: Locks[int] = Locks()
    for number in range(10 * PRUNE_FROM):
        locks.take(number, LOW, 1, now=number)
    assert len(locks) <= PRUNE_FROM


@given(
    st.lists(st.tuples(st.sampled_from([LOW, EQUAL, HIGH]), st.floats(0, 20), st.floats(0, 5)), max_size=40)
)
def test_never_two_holders_and_never_taken_by_a_lower(steps: list[tuple[Holder, float, float]]) -> None:
    locks: Locks[str] = Locks()
    now = 0.0
    for holder, for_s, passes_s in steps:
        now += passes_s
        before = locks.get("camera", now)
        try:
            locks.take("camera", holder, for_s, now)
        except ControlHeld:
            assert before is not None
            assert before.holder.holder_id != holder.holder_id
            assert before.holder.priority >= holder.priority
            assert locks.get("camera", now) == before
        else:
            assert before is None or before.holder == holder or before.holder.priority < holder.priority
