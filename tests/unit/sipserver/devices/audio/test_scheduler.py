"""Planned announcements: what is started when, and what a restart changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, cast

import pytest

from catalog.model import ChannelKey
from sipserver.devices.audio.errors import TooManySessions, UnknownClip, UnknownSchedule
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.scheduler import PLAYING, Scheduler
from sipserver.devices.audio.service import Audio
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.audio.store import MemoryAudioStore, Schedule
from sipserver.devices.audio.timetable import Timetable
from sipserver.devices.audio.views import SessionView
from sipserver.gb.gb_time import BEIJING
from tests.support.platform_process import eventually

START = datetime(2024, 5, 1, 11, 0, tzinfo=BEIJING)
NOON = datetime(2024, 5, 1, 12, 0, tzinfo=BEIJING)
KEY = ChannelKey("34020000001110000001", "34020000001370000001")


class PretendSession:
    """A session that has ended."""

    def __init__(self, started_time: datetime) -> None:
        self.ended = asyncio.Event()
        self.ended.set()
        self._started_time = started_time

    def view(self) -> SessionView:
        return SessionView(
            session_id="1",
            holder="",
            mode=AudioMode.AUTO,
            source="clip",
            is_clip=True,
            state="ended",
            end_reason="played to the end",
            started_time=self._started_time,
            spoken_s=1.0,
            level_dbfs=-90.0,
            has_browser=False,
            targets=(),
        )


class PretendAudio:
    """Notes what is announced."""

    def __init__(self) -> None:
        self.announced: list[str] = []
        self.error: Exception | None = None

    async def announce(self, keys: Any, clip_id: str, **kwargs: Any) -> PretendSession:
        self.announced.append(kwargs["holder"])
        if self.error is not None:
            raise self.error
        return PretendSession(START)


class Desk:
    """A scheduler, its store, and the clock on the wall."""

    def __init__(self, store: MemoryAudioStore, now: datetime = START, **changes: Any) -> None:
        self.now = now
        self.audio = PretendAudio()
        settings = AudioSettings(late_start_s=60.0, **changes)
        self.scheduler = Scheduler(settings, store, cast(Audio, self.audio), lambda: self.now)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def schedule(**changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "schedule_id": "",
        "name": "noon",
        "clip_id": "c",
        "targets": (KEY,),
        "timetable": Timetable((time(12),)),
        **changes,
    }
    return Schedule(**values)


@pytest.fixture
def store() -> MemoryAudioStore:
    return MemoryAudioStore()


async def test_it_starts_once_at_its_time_and_tells_what_came_of_it(store: MemoryAudioStore) -> None:
    desk = Desk(store)
    kept = await desk.scheduler.add(schedule())
    assert desk.scheduler.run_due(NOON - timedelta(seconds=1)) == 0
    assert desk.scheduler.run_due(NOON) == 1
    assert desk.scheduler.run_due(NOON) == 0
    await desk.settle()
    assert desk.audio.announced == ["schedule noon"]
    (stored,) = await store.list_schedules()
    assert (stored.last_time, stored.last_result) == (
        NOON,
        "0 of 0 loudspeakers reached; played to the end",
    )
    assert desk.scheduler.get(kept.schedule_id)[1] == NOON + timedelta(days=1)
    await desk.scheduler.close()


@pytest.mark.parametrize(("late_s", "started"), [(0, 1), (60, 1), (61, 0)])
async def test_what_is_too_late_is_left_out(store: MemoryAudioStore, late_s: float, started: int) -> None:
    desk = Desk(store)
    await desk.scheduler.add(schedule())
    assert desk.scheduler.run_due(NOON + timedelta(seconds=late_s)) == started
    await desk.scheduler.close()


@pytest.mark.parametrize(
    ("back_after_s", "was_played", "started"), [(30, False, 1), (90, False, 0), (30, True, 0)]
)
async def test_restart_around_the_time_plays_it_once(
    store: MemoryAudioStore, back_after_s: float, was_played: bool, started: int
) -> None:
    before = Desk(store)
    kept = await before.scheduler.add(schedule())
    await before.scheduler.close()
    if was_played:
        await store.save_progress(replace(kept, last_time=NOON, last_result="played", considered_time=NOON))
    now = NOON + timedelta(seconds=back_after_s)
    after = Desk(store, now)
    await after.scheduler.open()
    assert after.scheduler.run_due(now) == started
    await after.scheduler.close()


async def test_what_was_due_while_the_platform_was_down_says_so(store: MemoryAudioStore) -> None:
    """It is not played late, and not passed over in silence."""
    before = Desk(store)
    await before.scheduler.add(schedule())
    await before.scheduler.add(schedule(name="new", timetable=Timetable((time(10),))))
    await before.scheduler.close()
    after = Desk(store, NOON + timedelta(days=2, minutes=2))
    await after.scheduler.open()
    assert after.scheduler.run_due(after.now) == 0
    await after.settle()
    new, noon = sorted(await store.list_schedules(), key=lambda each: each.name)
    assert noon.last_result == (
        "missed 3 times from 2024-05-01 12:00:00 to 2024-05-03 12:00:00: the platform was not running"
    )
    assert noon.last_time is None
    assert new.last_result.startswith("missed 2 times from 2024-05-02 10:00:00")
    await after.scheduler.close()
    again = Desk(store, after.now + timedelta(minutes=5))
    await again.scheduler.open()
    await again.settle()
    assert sorted(each.last_result for each in await store.list_schedules()) == sorted(
        (noon.last_result, new.last_result)
    )
    await again.scheduler.close()


async def test_one_that_was_played_when_the_platform_died_says_so(store: MemoryAudioStore) -> None:
    before = Desk(store)
    kept = await before.scheduler.add(schedule())
    playing = replace(kept, last_time=NOON, last_result=PLAYING, considered_time=NOON)
    await store.save_progress(playing)
    after = Desk(store, NOON + timedelta(seconds=10))
    await after.scheduler.open()
    assert after.scheduler.run_due(after.now) == 0
    await after.settle()
    (stored,) = await store.list_schedules()
    assert stored.last_result == "ended with the platform, while it was played"
    await before.scheduler.close()
    await after.scheduler.close()


async def test_failure_is_kept_and_the_next_day_stays(store: MemoryAudioStore) -> None:
    desk = Desk(store)
    desk.audio.error = UnknownClip("no clip has the id 'c'")
    await desk.scheduler.add(schedule())
    desk.scheduler.run_due(NOON)
    await desk.settle()
    ((kept, due),) = desk.scheduler.list()
    assert kept.last_result == "failed: no clip has the id 'c'"
    assert due == NOON + timedelta(days=1)
    await desk.scheduler.close()


async def test_disabled_and_removed_ones_never_start(store: MemoryAudioStore) -> None:
    desk = Desk(store)
    off = await desk.scheduler.add(schedule(is_enabled=False))
    gone = await desk.scheduler.add(schedule(name="gone"))
    await desk.scheduler.remove(gone.schedule_id)
    assert desk.scheduler.run_due(NOON) == 0
    assert desk.scheduler.get(off.schedule_id)[1] is None
    with pytest.raises(UnknownSchedule):
        desk.scheduler.get(gone.schedule_id)
    with pytest.raises(UnknownSchedule):
        await desk.scheduler.remove(gone.schedule_id)
    await desk.scheduler.close()


async def test_number_of_schedules_is_bounded(store: MemoryAudioStore) -> None:
    desk = Desk(store, schedules_max=1)
    await desk.scheduler.add(schedule())
    with pytest.raises(TooManySessions):
        await desk.scheduler.add(schedule())
    await desk.scheduler.close()


async def test_loop_wakes_up_for_a_new_schedule(store: MemoryAudioStore) -> None:
    """One that is added while the loop sleeps is started by it."""
    desk = Desk(store, NOON - timedelta(milliseconds=20))
    await desk.scheduler.open()
    await desk.scheduler.add(schedule())
    desk.now = NOON

    async def announced() -> bool:
        return bool(desk.audio.announced)

    await eventually(announced, "it is announced")
    await desk.scheduler.close()
