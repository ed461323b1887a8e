"""Receive ports: even, rested, and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import LocalViolation, NoPortFree
from media.ports import PortPool


def test_ports_are_even_and_leave_room_for_rtcp() -> None:
    pool = PortPool(30_001, 30_007)
    assert [pool.allocate(0) for _ in range(3)] == [30_002, 30_004, 30_006]
    assert len(pool) == pool.taken == 3


def test_a_full_pool_says_so_with_numbers() -> None:
    pool = PortPool(30_000, 30_003, cool_down_s=10)
    first = pool.allocate(0)
    pool.allocate(0)
    pool.release(first, 0)
    with pytest.raises(NoPortFree, match="all 2 receive ports are in use: 1 taken, 1 resting 10 s"):
        pool.allocate(9.9)
    assert pool.allocate(10) == first


def test_a_port_is_given_back_once() -> None:
    pool = PortPool(30_000, 30_003)
    port = pool.allocate(0)
    pool.release(port, 0)
    with pytest.raises(LocalViolation):
        pool.release(port, 0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=80))
def test_no_port_is_given_twice_or_before_it_rested(steps: list[tuple[bool, float]]) -> None:
    pool = PortPool(30_000, 30_012, cool_down_s=10)
    now, held = 0.0, []
    released_at: dict[int, float] = {}
    for give_back, later in steps:
        now += later
        if give_back and held:
            port = held.pop(0)
            pool.release(port, now)
            released_at[port] = now
            continue
        try:
            port = pool.allocate(now)
        except NoPortFree:
            assert len(held) + sum(now < at + 10 for at in released_at.values()) >= len(pool)
            continue
        assert port not in held
        assert released_at.pop(port, -10) + 10 <= now
        held.append(port)
