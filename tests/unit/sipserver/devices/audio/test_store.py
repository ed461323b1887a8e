"""The same contract for the database and its twin in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from catalog.model import ChannelKey
from config.database import migrate, open_database
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.store import (
    AudioStore,
    ClipInfo,
    MemoryAudioStore,
    Schedule,
    SqlAudioStore,
)
from sipserver.devices.audio.timetable import Timetable

NOW = datetime(2024, 5, 1, 4, 0, 0, 125, tzinfo=UTC)
CLIP = ClipInfo(clip_id="c" * 32, name="闭馆", duration_s=1.5, created_by="admin", created_time=NOW)
SCHEDULE = Schedule(
    schedule_id="s" * 32,
    name="每天",
    clip_id="c" * 32,
    targets=(ChannelKey("34020000001110000001", "34020000001370000001"), ChannelKey("a", "b")),
    timetable=Timetable((time(8, 30), time(21, 45, 30)), (1, 5), date(2024, 5, 1), None),
    mode=AudioMode.TALK,
    repeats=3,
    created_by="admin",
)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AudioStore]:
    if request.param == "memory":
        yield MemoryAudioStore()
        return
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(engine)
    yield SqlAudioStore(engine)
    await engine.dispose()


async def test_clip_comes_back_as_it_was_kept(store: AudioStore) -> None:
    await store.add_clip(CLIP, bytes(range(256)))
    assert await store.list_clips() == [CLIP]
    assert await store.load_clip(CLIP.clip_id) == bytes(range(256))
    await store.remove_clip(CLIP.clip_id)
    await store.remove_clip(CLIP.clip_id)
    assert await store.load_clip(CLIP.clip_id) is None
    assert await store.list_clips() == []


async def test_schedule_comes_back_as_it_was_kept(store: AudioStore) -> None:
    await store.put_schedule(SCHEDULE)
    assert await store.list_schedules() == [SCHEDULE]
    changed = replace(SCHEDULE, is_enabled=False, timetable=Timetable((time(0),)))
    await store.put_schedule(changed)
    await store.save_progress(replace(SCHEDULE, last_time=NOW, last_result="played", considered_time=NOW))
    played = replace(changed, last_time=NOW, last_result="played", considered_time=NOW)
    assert await store.list_schedules() == [played]
    await store.remove_schedule(SCHEDULE.schedule_id)
    await store.remove_schedule(SCHEDULE.schedule_id)
    await store.save_progress(replace(SCHEDULE, last_time=NOW, last_result="nothing to keep"))
    assert await store.list_schedules() == []
