"""When this platform is behind, and how it spreads those that it puts off."""

from __future__ import annotations

from collections import Counter

import pytest

from sipserver.devices.registration.overload import CALM_S, LATE_IN_A_ROW, Overload
from sipserver.devices.registration.settings import RegistrationSettings


class Load:
    """What the watch looks at, set by hand."""

    def __init__(self) -> None:
        self.saving_s = 0.0
        self.fraction = 0.0


def overload(load: Load, **settings: object) -> Overload:
    return Overload(
        RegistrationSettings(**settings),  # type: ignore[arg-type]
        clock=lambda: 0.0,
        saving_for_s=lambda: load.saving_s,
        queue_fraction=lambda: load.fraction,
    )


@pytest.mark.parametrize("what", ["loop", "database", "queue"])
def test_each_of_the_three_alone_means_behind_until_it_was_calm_for_a_while(what: str) -> None:
    load = Load()
    watch = overload(load)
    watch.sample(0.0, 0.0)
    assert not watch.is_behind
    late_s = 0.6 if what == "loop" else 0.0
    load.saving_s = 11.0 if what == "database" else 0.0
    load.fraction = 0.6 if what == "queue" else 0.0
    for turn in range(LATE_IN_A_ROW):
        watch.sample(late_s, 1.0)
        assert watch.is_behind == (what != "loop" or turn == LATE_IN_A_ROW - 1)
    load.saving_s = load.fraction = 0.0
    watch.sample(0.0, 1.0 + CALM_S - 0.1)
    assert watch.is_behind
    watch.sample(0.0, 1.0 + CALM_S)
    assert not watch.is_behind


def test_at_the_limit_nobody_is_put_off() -> None:
    load = Load()
    watch = overload(load)
    load.saving_s, load.fraction = 10.0, 0.5
    watch.sample(0.5, 0.0)
    assert not watch.is_behind


def test_those_that_are_put_off_come_back_at_the_paced_rate() -> None:
    watch = overload(Load(), paced_per_second=100, retry_after_min_s=5, retry_after_max_s=300)
    waits = Counter(watch.retry_after_s(0.0) for _ in range(20_000))
    assert min(waits) >= 5
    assert max(waits) <= 206
    assert max(waits.values()) <= 101
    assert sum(waits.values()) == 20_000


def test_no_wait_is_longer_than_the_longest() -> None:
    watch = overload(Load(), paced_per_second=10, retry_after_min_s=5, retry_after_max_s=20)
    waits = [watch.retry_after_s(0.0) for _ in range(1000)]
    assert (min(waits), max(waits)) == (5, 20)


def test_refreshes_are_spread_only_when_many_register_at_once() -> None:
    watch = overload(Load(), paced_per_second=3)
    assert [watch.accepted(0.0) for _ in range(5)] == [False, False, False, True, True]
    assert [watch.accepted(now) for now in (1.0, 1.2, 1.4, 1.6)] == [False, False, False, True]


def test_what_can_wait_waits_while_many_register_or_the_platform_is_behind() -> None:
    now = 0.0
    watch = Overload(
        RegistrationSettings(paced_per_second=10),
        clock=lambda: now,
        saving_for_s=lambda: 0.0,
        queue_fraction=lambda: 0.0,
    )
    assert not watch.is_busy()
    for _ in range(3):
        watch.accepted(now)
    assert watch.is_busy()
    now = 1.5
    assert watch.is_busy()  # the last second still counts
    now = 2.6
    assert not watch.is_busy()
    for _ in range(LATE_IN_A_ROW):
        watch.sample(1.0, now)
    assert watch.is_busy()


def test_single_long_steps_are_no_overload() -> None:
    watch = overload(Load())
    for second in range(20):
        watch.sample(2.0 if second % 2 else 0.0, float(second))
        assert not watch.is_behind


async def test_the_watch_runs_and_ends() -> None:
    watch = overload(Load())
    await watch.open()
    await watch.close()
    assert not watch.is_behind
