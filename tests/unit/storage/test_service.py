"""The room as a whole: opened, looked at, closed, and opened again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import RetentionClass
from storage.model import SegmentState
from storage.promise import keep_until
from storage.service import StorageService
from storage.settings import StorageSettings
from tests.unit.storage.fakes import KEY, START, FakePolicy, FakeSource, InlineExecutor, ManualClock, settle

WAIT_ROUNDS = 400


class Room:
    """A storage service whose streams and time are the test's."""

    def __init__(self, settings: StorageSettings, engine: AsyncEngine, clock: ManualClock) -> None:
        self.settings, self.engine, self.clock = settings, engine, clock
        self.source, self.policy, self.events = FakeSource(clock), FakePolicy(), list[Any]()
        self.service = self.new_service()

    def new_service(self) -> StorageService:
        return StorageService(
            self.settings,
            self.engine,
            self.source,
            self.policy,
            clock=self.clock,
            on_event=self.events.append,
        )

    async def until(self, what: Any) -> None:
        """The database answers from a thread: give it turns of the loop until something holds."""
        async with asyncio.timeout(20):
            while not what():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)

    async def pass_rounds(self, seconds: float) -> None:
        """Let reconcile and flush loops run once per period."""
        await self.clock.advance(seconds)
        for _ in range(WAIT_ROUNDS):
            await asyncio.sleep(0)


@pytest.fixture
async def room(settings: StorageSettings, engine: AsyncEngine, clock: ManualClock) -> AsyncIterator[Room]:
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    made = Room(settings, engine, clock)
    yield made
    await made.service.close()


async def test_recording_is_seen_in_the_snapshot_and_found_after_a_restart(room: Room) -> None:
    await room.service.open()
    await room.service.recorder.start(KEY, "operator")
    await room.until(lambda: room.source.holds and room.source.session.attached)
    room.source.session.keyframe()
    room.source.session.feed()
    await settle()
    snapshot = room.service.snapshot()
    assert (snapshot.desired, snapshot.recording, snapshot.segments, snapshot.disk_full) == (1, 1, 1, False)
    assert snapshot.size_bytes > 0
    assert snapshot.free_bytes > 0
    await room.service.close()
    (row,) = (await room.service.index.list_segments(KEY)).items
    assert row.state is SegmentState.CLOSED
    room.service = room.new_service()
    await room.service.open()
    assert room.service.snapshot().segments == 1
    assert room.service.snapshot().size_bytes == row.size_bytes
    assert room.service.recorder.is_desired(KEY)


async def test_footage_goes_in_time_while_the_room_is_open(room: Room) -> None:
    room.settings = replace(room.settings, reconcile_s=3600.0, flush_s=3600.0, retention_run_s=3600.0)
    room.service = room.new_service()
    await room.service.open()
    await room.service.recorder.start(KEY)
    await room.until(lambda: room.source.holds and room.source.session.attached)
    room.source.session.keyframe()
    room.source.session.feed()
    await room.service.recorder.stop(KEY)
    (row,) = (await room.service.index.list_segments(KEY)).items
    assert row.keep_until == keep_until(row.end_time, RetentionClass.ORDINARY)
    room.clock.pass_time((row.keep_until - room.clock.wall() - timedelta(seconds=1)).total_seconds())
    await room.service.retention.run()
    assert (await room.service.playback.open_segment(row.segment_id)).file.exists()
    room.clock.pass_time(1)
    await room.service.retention.run()
    assert room.service.snapshot().segments_deleted == 1
    assert (await room.service.ledger.verify()).entries == 1


async def test_closing_twice_or_before_opening_is_no_error(room: Room) -> None:
    await room.service.close()
    await room.service.open()
    await room.service.close()
    await room.service.close()


async def test_time_of_the_test_is_not_that_of_the_machine(room: Room) -> None:
    await room.service.open()
    assert room.clock.wall() == START
