"""Recordings with a stated end (R-4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.model import ChannelKey, RetentionClass
from config.database import migrate, open_database
from storage.errors import TemporaryNotFound, TemporaryRefused
from storage.promise import keep_until
from storage.retention import rules_of
from storage.temporary import EndedWhy, TemporaryRecording, TemporaryRecordings, TemporaryStore
from tests.unit.storage.bench import Bench

KEY = ChannelKey("34020000002000000001", "34020000001320000012")
OTHER = ChannelKey("34020000002000000001", "34020000001320000013")


class MemoryStore(TemporaryStore):
    """The table without a database: its threads know nothing of the clock of the test."""

    def __init__(self) -> None:
        self.rows: dict[str, TemporaryRecording] = {}

    async def load_in_force(self) -> list[TemporaryRecording]:
        return [each for each in self.rows.values() if each.is_in_force]

    async def get(self, recording_id: str) -> TemporaryRecording | None:
        return self.rows.get(recording_id)

    async def add(self, recording: TemporaryRecording) -> None:
        self.rows[recording.recording_id] = recording

    async def set_end(self, recording: TemporaryRecording) -> None:
        self.rows[recording.recording_id] = recording


class TemporaryBench(Bench):
    """With wishes that end by themselves."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.store = MemoryStore()
        self.renew()

    def renew(self) -> None:
        self.temporary = TemporaryRecordings(self.settings, self.store, rules_of(self.settings), self.clock)
        self.recorder = self._new()
        self.recorder._temporary = self.temporary

    async def open(self) -> None:
        await self.temporary.open()
        await super().open()

    async def restart(self) -> None:
        self.renew()
        await self.open()

    async def record(
        self, minutes: float, key: ChannelKey = KEY, kept: RetentionClass = RetentionClass.TEMPORARY
    ) -> str:
        recording = await self.temporary.add(
            key,
            self.clock.wall() + timedelta(minutes=minutes),
            requested_by="officer",
            reason="flood",
            retention_class=kept,
        )
        await self.recorder.wish_begun(key)
        await self.clock.advance(1)
        return recording.recording_id


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[TemporaryBench]:
    opened = TemporaryBench(tmp_path)
    await opened.open()
    yield opened
    await opened.recorder.close()


async def test_it_is_recorded_until_its_end_and_kept_for_a_short_while(bench: TemporaryBench) -> None:
    recording_id = await bench.record(2)
    await bench.stream(90)
    assert bench.recorder.is_recording(KEY)
    assert bench.recorder.is_desired(KEY)
    await bench.clock.advance(40)
    assert not bench.recorder.is_desired(KEY)
    ended = await bench.temporary.get(recording_id)
    assert (ended.ended_why, ended.ended_time) == (EndedWhy.OVER, ended.end_time)
    assert {row.retention_class for row in bench.rows()} == {RetentionClass.TEMPORARY}
    for row in bench.rows():
        assert row.keep_until == keep_until(row.end_time, RetentionClass.TEMPORARY)
        assert row.keep_until == row.end_time + timedelta(days=7)
    assert (await bench.temporary.stop(recording_id)).ended_why is EndedWhy.OVER


async def test_it_is_resumed_after_a_restart_if_it_is_not_over(bench: TemporaryBench) -> None:
    long, short = await bench.record(60), await bench.record(1, OTHER)
    await bench.stream(5)
    await bench.recorder.close()
    await bench.clock.advance(120)
    await bench.restart()
    assert bench.recorder.is_desired(KEY)
    assert not bench.recorder.is_desired(OTHER)
    found = await bench.temporary.get(short)
    assert (found.ended_why, found.ended_time) == (EndedWhy.OVER, found.end_time), "not the hour of our start"
    await bench.temporary.stop(long)
    await bench.recorder.wish_ended(KEY)
    assert not bench.recorder.is_desired(KEY)


async def test_what_else_wants_the_channel_goes_on(bench: TemporaryBench) -> None:
    """Two wishes at once, and somebody who asked for recording without an end."""
    first, second = await bench.record(30), await bench.record(60, kept=RetentionClass.KEY)
    assert bench.temporary.retention_class(KEY) is RetentionClass.KEY
    await bench.temporary.stop(second)
    await bench.recorder.wish_ended(KEY)
    assert bench.recorder.is_desired(KEY)
    assert bench.temporary.retention_class(KEY) is RetentionClass.TEMPORARY
    await bench.recorder.start(KEY, "operator")
    assert bench.recorder._class_of(KEY) is RetentionClass.ORDINARY, "the longer of both"
    await bench.temporary.stop(first)
    await bench.recorder.wish_ended(KEY)
    assert bench.recorder.is_desired(KEY)
    await bench.recorder.stop(KEY)
    assert not bench.recorder.is_desired(KEY)


async def test_its_end_can_be_moved_within_bounds(bench: TemporaryBench) -> None:
    recording_id = await bench.record(1)
    now = bench.clock.wall()
    await bench.temporary.change_end(recording_id, now + timedelta(minutes=10))
    await bench.clock.advance(90)
    assert bench.recorder.is_desired(KEY)
    for end in (now, now + timedelta(hours=73)):
        with pytest.raises(TemporaryRefused):
            await bench.temporary.change_end(recording_id, end)
        with pytest.raises(TemporaryRefused):
            await bench.temporary.add(KEY, end, requested_by="", reason="x")
    await bench.temporary.stop(recording_id)
    with pytest.raises(TemporaryRefused):
        await bench.temporary.change_end(recording_id, bench.clock.wall() + timedelta(minutes=1))
    with pytest.raises(TemporaryNotFound):
        await bench.temporary.stop("no such id")


async def test_so_many_and_no_more(bench: TemporaryBench) -> None:
    object.__setattr__(bench.settings, "temporary_max", 2)
    await bench.record(5)
    await bench.record(5, OTHER)
    with pytest.raises(TemporaryRefused):
        await bench.record(5)


async def test_the_table_gives_back_what_it_took(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/temporary.db")
    await migrate(engine)
    store = TemporaryStore(engine)
    start = datetime(2026, 7, 1, tzinfo=UTC)
    rows = [
        TemporaryRecording(
            recording_id=f"{number:032x}", key=key, requested_by="officer", reason="洪水",
            retention_class=RetentionClass.TEMPORARY, start_time=start, end_time=start + timedelta(hours=1),
        )
        for number, key in enumerate((KEY, OTHER, KEY))
    ]  # fmt: skip
    for row in rows:
        await store.add(row)
    over = replace(rows[0], ended_time=start + timedelta(minutes=5), ended_why=EndedWhy.STOPPED)
    await store.set_end(over)
    assert await store.load_in_force() == rows[1:]
    assert await store.get(over.recording_id) == over
    assert await store.get("none") is None
    first = await store.page(limit=2)
    assert first.items == [rows[2], rows[1]]
    assert (await store.page(cursor=first.next)).items == [over]
    assert (await store.page(KEY, in_force=True)).items == [rows[2]]
    await engine.dispose()
