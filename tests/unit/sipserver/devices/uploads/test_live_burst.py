"""When a burst of stills has ended, and how."""

from datetime import UTC, datetime, timedelta

import pytest

from sipserver.devices.uploads.live_burst import LiveBurst
from sipserver.devices.uploads.model import BurstState, SnapshotBurst

START = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def live() -> LiveBurst:
    burst = SnapshotBurst(
        session_id="s",
        token="t",
        device_id="d",
        channel_id="c",
        count=3,
        interval_s=1,
        requested_by="",
        requested_time=START,
        deadline_time=START + timedelta(seconds=60),
    )
    return LiveBurst(burst, deadline=60.0)


@pytest.mark.parametrize(
    ("pictures", "announced", "receiving", "now", "state"),
    [
        (0, None, 0, 0.0, None),
        (3, None, 0, 0.0, BurstState.DONE),
        (2, None, 0, 59.9, None),
        (2, None, 0, 60.0, BurstState.PARTIAL),
        (0, None, 0, 60.0, BurstState.FAILED),
        (2, None, 1, 60.0, None),
        (2, 3, 0, 5.0, None),  # the third may still be on its way
        (2, 3, 0, 20.0, BurstState.PARTIAL),
        (2, 2, 0, 5.0, BurstState.PARTIAL),
        (0, 0, 0, 5.0, BurstState.FAILED),
        (2, 2, 1, 5.0, None),
        (3, 2, 0, 5.0, BurstState.DONE),
    ],
)
def test_the_end_of_a_burst(
    live: LiveBurst,
    pictures: int,
    announced: int | None,
    receiving: int,
    now: float,
    state: BurstState | None,
) -> None:
    live.update(pictures=pictures)
    live.receiving = receiving
    if announced is not None:
        live.announce(announced, until=20.0)
    verdict = live.verdict(now)
    assert (None if verdict is None else verdict.state) == state
    assert state is None or state is BurstState.DONE or (verdict is not None and verdict.detail)


def test_numbers_are_given_once_and_again_when_a_picture_could_not_be_kept(live: LiveBurst) -> None:
    given = []
    for _ in range(3):
        number = live.next_number()
        assert number is not None
        live.numbers.add(number)
        given.append(number)
    assert given == [1, 2, 3]
    assert live.next_number() is None
    live.numbers.discard(2)
    assert live.next_number() == 2


def test_every_change_wakes_who_waits(live: LiveBurst) -> None:
    live.announce(1, until=5.0)
    assert live.changed.is_set()
    assert live.next_timer() == 5.0
