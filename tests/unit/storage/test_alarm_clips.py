"""Clips and pictures of alarms: prolonged, bounded, made of what there is, and deleted in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import RetentionClass
from storage import alarm_clips
from storage.alarm_clips import GRACE_S, AlarmClips
from storage.alarm_files import AlarmFile, AlarmFileStore, FileKind, FileState, path_of
from storage.errors import AlarmFileNotFound, AlarmFileNotReady, ClipsBusy, DiskFull
from storage.files import recorder_directory
from storage.index import SegmentIndex
from storage.model import Segment, SegmentState
from storage.rolling import DIRECTORY as ROLLING
from storage.service import StorageService
from storage.settings import StorageSettings
from tests.unit.storage.fakes import KEY, OTHER, START, FakePolicy, FakeSource, ManualClock, settle
from tests.unit.storage.mp4s import FPS, pictures_of, recorded

RUN = "ab" * 16


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Room:
    """The room with the test's time; its loops do not run: a test takes each turn."""

    def __init__(self, settings: StorageSettings, engine: AsyncEngine, clock: ManualClock) -> None:
        self.settings, self.engine, self.clock = settings, engine, clock
        self.source, self.policy = FakeSource(clock), FakePolicy()
        self.service = StorageService(settings, engine, self.source, self.policy, clock=clock)
        self.clips: AlarmClips = self.service.clips
        self.told: list[AlarmFile] = []
        self.clips.listeners.append(self.told.append)

    async def record(self, begins: float, seconds: int) -> None:
        """A recording of the channel that is on disk and in the index."""
        directory = recorder_directory(self.settings.path, RUN)
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"{RUN}-{int(begins):06d}.mp4"
        file.write_bytes(recorded(seconds))
        row = Segment(
            segment_id=file.stem,
            recorder_id=RUN,
            device_id=KEY.device_id,
            channel_id=KEY.channel_id,
            path=file.relative_to(self.settings.path).as_posix(),
            start_time=at(begins),
            end_time=at(begins + seconds),
            size_bytes=file.stat().st_size,
            state=SegmentState.CLOSED,
        )
        await SegmentIndex(self.engine).save([row])

    async def pass_and_turn(self, seconds: float) -> None:
        self.clock.pass_time(seconds)
        await self.clips.turn()
        await asyncio.gather(*self.clips._cutting.values())

    async def file(self, file_id: str) -> AlarmFile:
        return (await self.clips.files([file_id]))[file_id]


@pytest.fixture
async def room(settings: StorageSettings, engine: AsyncEngine, clock: ManualClock) -> AsyncIterator[Room]:
    made = Room(settings, engine, clock)
    await asyncio.to_thread(made.service.disk.look)
    yield made
    await made.clips.close()


async def test_a_clip_is_cut_from_recordings_when_its_time_is_over(room: Room) -> None:
    await room.record(0, 10)
    room.clock.pass_time(6)
    clip_id = await room.clips.keep_clip("alarm", KEY, at(6), before_s=3, after_s=2)
    assert (await room.file(clip_id)).state is FileState.WAITING
    with pytest.raises(AlarmFileNotReady, match="waiting"):
        await room.clips.open_file(clip_id)
    await room.pass_and_turn(1)
    assert (await room.file(clip_id)).state is FileState.WAITING
    await room.pass_and_turn(2)
    file, path = await room.clips.open_file(clip_id)
    assert (file.start_time, file.state, file.detail) == (at(3), FileState.READY, "")
    assert len(pictures_of(path)) == 5 * FPS
    assert room.told == [file]
    assert room.clips.waiting == 0


async def test_a_clip_waits_for_its_last_seconds_and_then_takes_what_there_is(room: Room) -> None:
    await room.record(0, 4)
    clip_id = await room.clips.keep_clip("alarm", KEY, at(2), before_s=2, after_s=4)
    await room.pass_and_turn(7)
    assert (await room.file(clip_id)).state is FileState.WAITING
    await room.pass_and_turn(GRACE_S)
    assert (await room.file(clip_id)).detail == "ends 2 s early"


async def test_a_clip_without_footage_fails_and_says_so(room: Room) -> None:
    room.source.error = ConnectionError("offline")
    clip_id = await room.clips.keep_clip("alarm", KEY, at(0), before_s=5, after_s=1)
    await room.pass_and_turn(1 + GRACE_S)
    file = await room.file(clip_id)
    assert (file.state, file.detail) == (FileState.FAILED, "no picture of that time is on the disk")
    with pytest.raises(AlarmFileNotReady, match="no picture"):
        await room.clips.open_file(clip_id)


async def test_an_alarm_during_a_clip_prolongs_it_up_to_the_limit(room: Room) -> None:
    longest = room.settings.clip_longest_s
    first = await room.clips.keep_clip("one", KEY, at(0), before_s=5, after_s=10)
    assert await room.clips.keep_clip("two", KEY, at(9), before_s=5, after_s=10) == first
    assert (await room.file(first)).end_time == at(19)
    assert await room.clips.keep_clip("other", OTHER, at(9), before_s=5, after_s=10) != first
    assert await room.clips.keep_clip("long", KEY, at(15), before_s=0, after_s=longest) != first
    assert await room.clips.keep_clip("far", KEY, at(4000), before_s=5, after_s=10) != first


async def test_only_so_many_clips_wait(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_clips, "WAITING_MAX", 2)
    for number in range(2):
        await room.clips.keep_clip("a", KEY, at(100 * number), before_s=1, after_s=1)
    with pytest.raises(ClipsBusy):
        await room.clips.keep_clip("a", KEY, at(1000), before_s=1, after_s=1)
    await room.clips.keep_clip("a", KEY, at(101), before_s=1, after_s=1)


async def test_a_full_disk_keeps_nothing_new(
    settings: StorageSettings, engine: AsyncEngine, clock: ManualClock
) -> None:
    room = Room(replace(settings, free_floor_bytes=2**62), engine, clock)
    with pytest.raises(DiskFull):
        await room.clips.keep_clip("a", KEY, at(0), before_s=1, after_s=1)
    with pytest.raises(DiskFull):
        await room.clips.keep_picture("a", KEY)
    room.clips.watch({KEY: 5})
    await room.clips.turn()
    await settle()
    assert room.source.asked == []


async def test_watched_channels_run_in_the_buffer_and_old_footage_goes(room: Room) -> None:
    room.clips.watch({KEY: 5.0, OTHER: 0.0})
    await room.clips.turn()
    await _until_attached(room)
    assert room.source.asked == [KEY]
    for _ in range(8):
        room.source.session.keyframe()
        for _ in range(5):
            room.source.session.feed()
        room.clock.pass_time(5)
    await room.clips.turn()
    kept = room.clips.rolling(KEY)
    assert min(piece.end_time for piece in kept) >= at(40 - 5 - 15)
    assert {piece.path for piece in kept} == set((room.settings.path / ROLLING).glob("*/*.mp4"))
    room.clips.watch({})
    await room.clips.turn()
    assert room.clips.rolling(KEY) == []
    assert room.source.holds[-1].released
    assert list((room.settings.path / ROLLING).glob("*/*")) == []


async def test_the_buffer_tries_again_when_the_stream_is_lost(room: Room) -> None:
    room.clips.watch({KEY: 5.0})
    await room.clips.turn()
    await _until_attached(room)
    room.source.holds[-1].lost.set()
    await room.clock.advance(5)
    await _until_attached(room, holds=2)


async def test_a_channel_without_a_rule_runs_from_the_alarm_on(room: Room) -> None:
    await room.clips.keep_clip("a", KEY, at(0), before_s=0, after_s=10)
    await room.clips.turn()
    await _until_attached(room)
    assert room.source.asked == [KEY]


async def test_what_a_killed_process_left_becomes_the_clip(room: Room) -> None:
    room.clips.watch({KEY: 30.0})
    await room.clips.turn()
    await _until_attached(room)
    room.source.session.keyframe()
    clip_id = await room.clips.keep_clip("a", KEY, at(0), before_s=0, after_s=2)
    directory = next(iter((room.settings.path / ROLLING).iterdir()))
    assert directory.is_dir()
    await room.clips.close()  # with a clip waiting: the files stay
    again = AlarmClips(
        room.settings,
        AlarmFileStore(room.engine),
        room.source,
        room.service.recorder,
        room.service.index,
        room.policy,
        room.service.disk,
        room.clock,
    )
    await again.open()
    assert again.waiting == 1
    assert (await again.files([clip_id]))[clip_id].state is FileState.WAITING
    await again.close()


async def test_a_picture_is_kept_at_once(room: Room) -> None:
    picture_id = await room.clips.keep_picture("a", KEY)
    file, path = await room.clips.open_file(picture_id)
    assert (file.kind, file.size_bytes) == (FileKind.PICTURE, path.stat().st_size)
    assert path.read_bytes()[:2] == b"\xff\xd8"
    assert room.source.holds[-1].released
    path.unlink()
    with pytest.raises(AlarmFileNotReady, match="missing"):
        await room.clips.open_file(picture_id)


async def test_files_go_when_their_time_is_over_and_not_before(room: Room) -> None:
    room.policy.classes[OTHER] = RetentionClass.KEY
    ordinary = await room.clips.keep_picture("a", KEY)
    key = await room.clips.keep_picture("a", OTHER)
    days = room.settings.alarm_file_days
    room.clock.pass_time(days * 86_400 - 1)
    assert await room.clips.forget_expired() == 0
    room.clock.pass_time(1)
    assert await room.clips.forget_expired() == 1
    assert (await room.file(ordinary)).state is FileState.DELETED
    assert not path_of(room.settings.path, FileKind.PICTURE, ordinary).exists()
    assert (await room.file(key)).state is FileState.READY  # three calendar months are longer
    room.clock.pass_time(365 * 86_400 + 1)
    await room.clips.forget_expired()
    assert list(await room.clips.files([ordinary, key])) == [key]


@pytest.mark.parametrize("file_id", ["", "../../etc/passwd", "0" * 31, "0" * 33, "G" * 32, "0" * 32])
async def test_ids_that_are_not_ours_lead_nowhere(room: Room, file_id: str) -> None:
    with pytest.raises(AlarmFileNotFound):
        await room.clips.open_file(file_id)


async def _until_attached(room: Room, holds: int = 1) -> None:
    for _ in range(400):
        if len(room.source.holds) >= holds and room.source.session.attached:
            return
        await asyncio.sleep(0.005)
    pytest.fail("the buffer does not write")
