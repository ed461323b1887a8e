"""Deleting, over months that pass in no time: never early, promptly after, each on the ledger."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey, RetentionClass
from config.database import migrate, open_database
from storage.events import RetentionPaused, RetentionResumed
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.model import Segment, SegmentState
from storage.promise import keep_until
from storage.retention import RetentionKeeper
from storage.settings import StorageSettings
from storage.stats import StorageStats
from storage.store import StateStore
from tests.unit.storage.fakes import KEY, OTHER, START, FakePolicy, ManualClock, segment

DAY = 86_400.0
ORDINARY, KEPT, TERROR = RetentionClass.ORDINARY, RetentionClass.KEY, RetentionClass.COUNTER_TERRORISM


class Store:
    """A keeper with a real index, ledger and disk."""

    def __init__(self, engine: AsyncEngine, settings: StorageSettings, clock: ManualClock) -> None:
        self.settings, self.clock = settings, clock
        self.index, self.ledger, self.state = SegmentIndex(engine), DeletionLedger(engine), StateStore(engine)
        self.policy, self.stats = FakePolicy(), StorageStats()
        self.events: list[Any] = []
        self.keeper = self.new_keeper()

    def new_keeper(self) -> RetentionKeeper:
        return RetentionKeeper(
            self.settings,
            self.index,
            self.ledger,
            self.state,
            self.policy,
            clock=self.clock,
            stats=self.stats,
            on_event=self.events.append,
        )

    async def add(self, number: int, *, promise: RetentionClass = ORDINARY, **fields: Any) -> Segment:
        made = segment(number, **fields)
        made = replace(made, retention_class=promise, keep_until=keep_until(made.end_time, promise))
        await self.index.save([made])
        self.write(made)
        return made

    def write(self, made: Segment) -> None:
        file = self.file(made)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")

    def file(self, made: Segment) -> Path:
        return self.settings.path / made.path

    async def run_at(self, instant: datetime) -> Any:
        self.clock.pass_time((instant - self.clock.wall()).total_seconds())
        return await self.keeper.run()

    async def state_of(self, made: Segment) -> SegmentState:
        row = await self.index.get_segment(made.segment_id)
        assert row is not None
        return row.state


@pytest.fixture
def store(engine: AsyncEngine, settings: StorageSettings, clock: ManualClock) -> Store:
    return Store(engine, settings, clock)


@pytest.mark.parametrize("promise", list(RetentionClass))
async def test_segment_is_deleted_at_its_time_and_not_before(store: Store, promise: RetentionClass) -> None:
    made = await store.add(1, promise=promise)
    store.policy.classes[KEY] = promise
    assert made.keep_until is not None
    await store.run_at(made.keep_until - timedelta(microseconds=1))
    assert store.file(made).exists()
    assert await store.state_of(made) is SegmentState.CLOSED
    result = await store.run_at(made.keep_until)
    assert (result.deleted, result.deleted_bytes) == (1, 1000)
    assert not store.file(made).exists()
    assert not store.file(made).parent.exists()
    row = await store.index.get_segment(made.segment_id)
    assert row is not None
    assert (row.state, row.deleted_time) == (SegmentState.DELETED, made.keep_until)


async def test_each_deletion_is_on_the_ledger(store: Store) -> None:
    made = [await store.add(number) for number in range(5)]
    await store.run_at(START + timedelta(days=40))
    entries = (await store.ledger.list_entries()).items
    assert [entry.segment_id for entry in entries] == [each.segment_id for each in made]
    assert entries[0].keep_until == made[0].keep_until
    assert entries[0].deleted_time == START + timedelta(days=40)
    assert (await store.ledger.verify()).entries == 5


async def test_batches_are_bounded_and_all_is_deleted(store: Store) -> None:
    store.settings = replace(store.settings, retention_batch=7)
    store.keeper = store.new_keeper()
    for number in range(25):
        await store.add(number)
    assert (await store.run_at(START + timedelta(days=40))).deleted == 25


async def test_missing_file_is_no_obstacle(store: Store) -> None:
    made = await store.add(1)
    store.file(made).unlink()
    result = await store.run_at(START + timedelta(days=40))
    assert (result.deleted, result.missing) == (1, 1)
    assert await store.state_of(made) is SegmentState.DELETED


async def test_file_that_cannot_be_deleted_keeps_its_row_and_does_not_stop_the_rest(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows that say deleted while the file stays are how disks fill unseen (field lesson 20)."""
    first, second = await store.add(1), await store.add(2)
    store.file(first).unlink()
    store.file(first).mkdir()
    result = await store.run_at(START + timedelta(days=40))
    assert (result.deleted, result.failed) == (1, 1)
    assert await store.state_of(first) is SegmentState.CLOSED
    assert await store.state_of(second) is SegmentState.DELETED
    assert "cannot be deleted" in caplog.text
    store.file(first).rmdir()
    assert (await store.run_at(START + timedelta(days=41))).deleted == 1


async def test_path_that_leaves_the_store_is_never_deleted(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"x")
    made = segment(1, path="../outside.mp4", keep_until=START)
    await store.index.save([made])
    assert (await store.run_at(START + timedelta(days=400))).failed == 1
    assert outside.exists()


async def test_open_segment_is_never_deleted(store: Store) -> None:
    made = segment(1, state=SegmentState.OPEN, keep_until=None)
    await store.index.save([made])
    store.write(made)
    store.settings = replace(store.settings, downtime_limit_s=31_536_000.0)
    assert (await store.run_at(START + timedelta(days=300))).deleted == 0


async def test_longer_class_takes_existing_footage_along(store: Store) -> None:
    made = await store.add(1)
    await store.run_at(START + timedelta(days=10))
    store.policy.classes[KEY] = KEPT
    await store.run_at(START + timedelta(days=31))
    assert store.file(made).exists()
    row = await store.index.get_segment(made.segment_id)
    assert row is not None
    assert (row.keep_until, row.retention_class) == (keep_until(made.end_time, KEPT), KEPT)
    assert (await store.run_at(keep_until(made.end_time, KEPT))).deleted == 1


async def test_longer_class_that_came_in_the_last_moment_still_counts(store: Store) -> None:
    """Between two runs: the class is asked for again before anything is deleted."""
    made = await store.add(1)
    store.policy.classes[KEY] = TERROR
    await store.run_at(START + timedelta(days=31))
    assert store.file(made).exists()


async def test_shorter_class_leaves_the_promise_of_what_is_there(store: Store) -> None:
    store.policy.classes[KEY] = KEPT
    made = await store.add(1, promise=KEPT)
    await store.run_at(START + timedelta(days=1))
    store.policy.classes[KEY] = ORDINARY
    await store.run_at(START + timedelta(days=60))
    assert store.file(made).exists()


async def test_class_that_was_raised_and_lowered_leaves_the_longest_promise(store: Store) -> None:
    made = await store.add(1)
    await store.run_at(START + timedelta(days=1))
    store.policy.classes[KEY] = KEPT
    await store.run_at(START + timedelta(days=2))
    store.policy.classes[KEY] = ORDINARY
    await store.run_at(START + timedelta(days=60))
    assert store.file(made).exists()
    assert (await store.run_at(keep_until(made.end_time, KEPT))).deleted == 1


async def test_other_channels_keep_their_own_class(store: Store) -> None:
    mine, theirs = await store.add(1), await store.add(2, key=OTHER)
    store.policy.classes[OTHER] = KEPT
    await store.run_at(START + timedelta(days=31))
    assert [store.file(each).exists() for each in (mine, theirs)] == [False, True]


async def test_clock_that_jumps_ahead_pauses_deleting_and_says_so(store: Store) -> None:
    made = await store.add(1)
    await store.run_at(START + timedelta(days=1))
    store.clock.jump(365 * DAY)
    result = await store.keeper.run()
    assert result.deleted == 0
    assert "ahead" in result.paused
    assert store.file(made).exists()
    assert store.keeper.paused
    store.clock.jump(-365 * DAY)
    assert (await store.keeper.run()).paused == ""
    assert [type(event) for event in store.events] == [RetentionPaused, RetentionResumed]
    assert store.file(made).exists()


async def test_pause_outlives_a_restart_and_ends_when_acknowledged(store: Store) -> None:
    made = await store.add(1)
    await store.run_at(START + timedelta(days=28))
    store.clock.jump(3 * DAY)
    assert (await store.keeper.run()).paused
    store.keeper = store.new_keeper()
    assert (await store.keeper.run()).paused
    await store.keeper.acknowledge_clock()
    assert (await store.keeper.run()).deleted == 1
    assert await store.state_of(made) is SegmentState.DELETED


async def test_restart_after_a_crash_between_file_and_row_finishes_the_deletion(store: Store) -> None:
    """The file goes first: what a crash leaves is a row without a file, never a file without a row."""
    made = await store.add(1)
    store.file(made).unlink()
    assert await store.state_of(made) is SegmentState.CLOSED
    await store.run_at(START + timedelta(days=31))
    assert (await store.ledger.verify()).entries == 1


async def test_gauges_follow(store: Store) -> None:
    await store.add(1)
    store.stats.segments, store.stats.size_bytes = 1, 1000
    await store.run_at(START + timedelta(days=31))
    assert (store.stats.segments, store.stats.size_bytes, store.stats.segments_deleted) == (0, 0, 1)


classes = st.sampled_from(list(RetentionClass))
histories = st.tuples(
    st.lists(st.tuples(st.integers(0, 150 * 24), st.integers(0, 2)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 2), classes), max_size=8),
    st.integers(20, 90),
)
CHANNELS = [ChannelKey("d", f"c{number}") for number in range(3)]


@settings(max_examples=8, deadline=None)
@given(histories)
def test_over_random_months_nothing_goes_early_and_nothing_stays_longer_than_one_period(
    tmp_path_factory: pytest.TempPathFactory, history: tuple[Any, Any, int]
) -> None:
    """Random segments, random changes of class, a run every so many hours through eight months.

    The oracle is the longest promise that any class in force at a run ever gave to the segment.
    """
    asyncio.run(_live_through(tmp_path_factory.mktemp("months"), *history))


async def _live_through(
    directory: Path,
    recorded: list[tuple[int, int]],
    changes: list[tuple[int, int, RetentionClass]],
    period_hours: int,
) -> None:
    engine = open_database(f"sqlite:///{directory}/t.db")
    await migrate(engine)
    store = Store(engine, StorageSettings(path=directory, free_floor_bytes=0), ManualClock())
    pending = sorted((hour, CHANNELS[channel]) for hour, channel in recorded)
    orders = sorted((day * 24, CHANNELS[channel], each) for day, channel, each in changes)
    held: dict[str, tuple[Segment, datetime]] = {}
    for hour in range(0, 245 * 24, period_hours):
        now = START + timedelta(hours=hour)
        await _record(store, pending, now, held)
        while orders and orders[0][0] <= hour:
            _, key, each = orders.pop(0)
            store.policy.classes[key] = each
        await store.run_at(now)
        _judge(store, held, now)
    assert held == {}
    assert (await store.ledger.verify()).entries == len(recorded)
    await engine.dispose()


async def _record(
    store: Store,
    pending: list[tuple[int, ChannelKey]],
    now: datetime,
    held: dict[str, tuple[Segment, datetime]],
) -> None:
    while pending and START + timedelta(hours=pending[0][0]) <= now:
        hour, key = pending.pop(0)
        end_time = START + timedelta(hours=hour)
        number = len(held) + len(pending) * 1000 + hour * 100_000
        promise = store.policy.classes.get(key, ORDINARY)
        made = await store.add(number, promise=promise, key=key, start_time=end_time, end_time=end_time)
        held[made.segment_id] = (made, keep_until(end_time, promise))


def _judge(store: Store, held: dict[str, tuple[Segment, datetime]], now: datetime) -> None:
    for segment_id, (made, promised) in list(held.items()):
        current = store.policy.classes.get(made.key, ORDINARY)
        longest = max(promised, keep_until(made.end_time, current))
        if now >= longest:
            assert not store.file(made).exists(), f"{segment_id} stays after {longest}"
            del held[segment_id]
        else:
            assert store.file(made).exists(), f"{segment_id} went before {longest}"
            held[segment_id] = (made, longest)
