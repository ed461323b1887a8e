"""The recorder against a stream source in memory; time passes only when told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from catalog.model import RetentionClass
from storage.disk import DiskWatch
from storage.errors import AlwaysRecorded, DiskFull, RecorderClosed
from storage.events import RecordingInterrupted, RecordingStarted, RecordingStopped
from storage.model import GapCause, Segment, SegmentState
from storage.promise import keep_until
from storage.recorder import ALIVE, Recorder
from storage.recording import CAUSES, CLOSING_S, cause_of
from storage.settings import StorageSettings
from storage.stats import StorageStats
from tests.unit.storage.fakes import (
    KEY,
    OTHER,
    START,
    FakeGaps,
    FakeIndex,
    FakePolicy,
    FakeRequests,
    FakeSource,
    FakeState,
    InlineExecutor,
    ManualClock,
    settle,
)

GIB = 1 << 30


class DeviceOffline(Exception):
    """Named as the devices room names it."""


class Refused(Exception):
    """Named as the devices room names it."""


class Bench:
    """A recorder with everything around it in memory, and its restart."""

    def __init__(self, root: Path) -> None:
        self.settings = StorageSettings(path=root, free_floor_bytes=GIB, segment_s=60.0)
        self.clock = ManualClock()
        self.source = FakeSource(self.clock)
        self.policy = FakePolicy()
        self.index = FakeIndex()
        self.gaps = FakeGaps()
        self.requests = FakeRequests()
        self.state = FakeState()
        self.stats = StorageStats()
        self.events: list[Any] = []
        self.free_bytes = 100 * GIB
        self.recorder = self._new()

    def _new(self) -> Recorder:
        disk = DiskWatch(self.settings.path, GIB, self.events.append, lambda _: (self.free_bytes, 200 * GIB))
        return Recorder(
            self.settings,
            self.source,
            self.policy,
            self.index,
            self.requests,
            self.gaps,
            self.state,
            disk,
            clock=self.clock,
            stats=self.stats,
            on_event=self.events.append,
            jitter=lambda delay_s: delay_s,
        )

    async def open(self) -> None:
        await self.recorder.open()
        await settle()

    async def restart(self) -> None:
        self.recorder = self._new()
        await self.open()

    async def stream(self, seconds: int) -> None:
        """A key frame, then so many seconds of stream."""
        self.source.session.keyframe()
        await self.play(seconds)

    async def play(self, seconds: int) -> None:
        for _ in range(seconds):
            self.source.session.feed()
            await self.clock.advance(1)

    def rows(self) -> list[Segment]:
        return sorted(self.index.rows.values(), key=lambda row: (row.start_time, row.segment_id))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    made = Bench(tmp_path)
    yield made
    closing = asyncio.ensure_future(made.recorder.close())
    await made.clock.advance(CLOSING_S * 2)
    await closing


async def test_asked_for_channel_is_recorded_into_the_index(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY, "operator")
    await settle()
    assert bench.recorder.is_desired(KEY)
    assert not bench.recorder.is_recording(KEY)
    await bench.stream(3)
    assert bench.recorder.is_recording(KEY)
    (row,) = bench.rows()
    assert (row.key, row.state, row.start_time) == (KEY, SegmentState.OPEN, START)
    assert row.end_time - row.start_time == timedelta(seconds=3)
    assert (bench.settings.path / row.path).stat().st_size == row.size_bytes
    assert not Path(row.path).is_absolute()


async def test_segments_follow_each_other_and_carry_their_promise(bench: Bench) -> None:
    bench.policy.classes[KEY] = RetentionClass.KEY
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    await bench.stream(2)
    first, second = bench.rows()
    assert (first.state, second.state) == (SegmentState.CLOSED, SegmentState.OPEN)
    assert first.end_time == second.start_time
    assert (first.first_pts_90k, first.last_pts_90k, first.video_codec) == (0, 180_000, "H264")
    assert first.keep_until == keep_until(first.end_time, RetentionClass.KEY)
    assert second.keep_until is None
    assert bench.stats.segments == 2


async def test_stop_closes_the_file_and_releases_the_stream(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    await bench.recorder.stop(KEY)
    (row,) = bench.rows()
    assert (row.state, row.reason) == (SegmentState.CLOSED, "detached")
    assert bench.source.holds[0].released
    assert bench.requests.rows == {}
    assert bench.recorder.snapshot() == []
    assert bench.gaps.gaps == []
    assert bench.events == [RecordingStarted(KEY), RecordingStopped(KEY)]


async def test_lost_stream_is_taken_up_again_and_the_gap_is_on_the_ledger(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(5)
    bench.source.holds[0].lost.set()
    bench.source.error = DeviceOffline("the device is offline")
    await bench.clock.advance(30)
    (gap,) = bench.gaps.gaps
    assert (gap.start_time, gap.end_time, gap.cause) == (
        START + timedelta(seconds=5),
        None,
        GapCause.STREAM_LOST,
    )
    assert not bench.recorder.is_recording(KEY)
    assert bench.recorder.snapshot()[0].cause is GapCause.DEVICE_OFFLINE
    bench.source.error = None
    await bench.clock.advance(60)
    await bench.stream(1)
    (gap,) = bench.gaps.gaps
    assert gap.end_time == bench.rows()[-1].start_time
    assert len(bench.rows()) == 2
    assert bench.recorder.is_recording(KEY)


async def test_attempts_back_off_to_the_limit(bench: Bench) -> None:
    await bench.open()
    bench.source.error = Refused("486 Busy Here")
    await bench.recorder.start(KEY)
    await settle()
    counts = []
    for _ in range(4):
        before = len(bench.source.asked)
        await bench.clock.advance(60)
        counts.append(len(bench.source.asked) - before)
    assert counts == [5, 1, 1, 1]
    assert [gap.cause for gap in bench.gaps.gaps] == [GapCause.REFUSED]
    assert len([each for each in bench.events if isinstance(each, RecordingInterrupted)]) == 1


async def test_stop_does_not_wait_for_an_answer_of_the_device(bench: Bench) -> None:
    await bench.open()
    bench.source.is_hanging = True
    await bench.recorder.start(KEY)
    await settle()
    await bench.recorder.stop(KEY)
    assert bench.recorder.snapshot() == []


async def test_stop_does_not_wait_for_the_back_off(bench: Bench) -> None:
    await bench.open()
    bench.source.error = Refused("486")
    await bench.recorder.start(KEY)
    await bench.clock.advance(100)
    await bench.recorder.stop(KEY)
    assert bench.recorder.snapshot() == []
    assert bench.gaps.gaps[0].end_time is not None


async def test_always_recorded_channel_follows_the_catalogue(bench: Bench) -> None:
    bench.policy.always = [KEY]
    await bench.open()
    assert bench.source.asked == [KEY]
    with pytest.raises(AlwaysRecorded):
        await bench.recorder.stop(KEY)
    await bench.stream(1)
    bench.policy.always = []
    await bench.clock.advance(bench.settings.reconcile_s + 1)
    assert bench.rows()[0].state is SegmentState.CLOSED
    assert bench.recorder.snapshot() == []


async def test_restart_continues_by_itself_and_notes_the_downtime(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(4)
    await bench.recorder.close()
    bench.clock.pass_time(300)
    await bench.restart()
    assert bench.source.asked == [KEY, KEY]
    await bench.stream(1)
    (gap,) = bench.gaps.gaps
    assert gap.cause is GapCause.PLATFORM_DOWN
    assert (gap.start_time, gap.end_time) == (START + timedelta(seconds=4), START + timedelta(seconds=304))


async def test_gap_that_was_open_before_a_restart_stays_one_gap(bench: Bench) -> None:
    await bench.open()
    bench.source.error = DeviceOffline("offline")
    await bench.recorder.start(KEY)
    await bench.clock.advance(20)
    await bench.recorder.close()
    bench.clock.pass_time(100)
    bench.source.error = None
    await bench.restart()
    await bench.stream(1)
    (gap,) = bench.gaps.gaps
    assert (gap.cause, gap.start_time) == (GapCause.DEVICE_OFFLINE, START)
    assert gap.end_time == START + timedelta(seconds=120)


async def test_channel_without_recent_footage_has_a_gap_since_the_last_sign_of_life_only(
    bench: Bench,
) -> None:
    """It was switched to always while the platform was down: the weeks before were not wanted."""
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    await bench.recorder.stop(KEY)
    await bench.clock.advance(300)
    await bench.recorder.close()
    alive = bench.state.times[ALIVE]
    bench.clock.pass_time(60)
    bench.policy.always = [KEY]
    await bench.restart()
    assert bench.gaps.gaps[0].start_time == alive


async def test_disk_below_the_floor_refuses_new_recordings(bench: Bench) -> None:
    await bench.open()
    bench.free_bytes = GIB - 1
    with pytest.raises(DiskFull):
        await bench.recorder.start(KEY)
    assert bench.requests.rows == {}
    assert bench.source.asked == []


async def test_disk_that_fills_up_closes_recordings_and_they_resume_when_there_is_room(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(1)
    bench.free_bytes = GIB - 1
    await bench.clock.advance(bench.settings.reconcile_s + 1)
    assert bench.rows()[0].state is SegmentState.CLOSED
    assert bench.gaps.gaps[0].cause is GapCause.DISK_FULL
    asked = len(bench.source.asked)
    await bench.clock.advance(300)
    assert len(bench.source.asked) == asked
    bench.free_bytes = 2 * GIB
    await bench.clock.advance(62)
    await bench.stream(1)
    assert bench.recorder.is_recording(KEY)
    assert bench.gaps.gaps[0].end_time is not None


@pytest.mark.parametrize(("errno", "cause"), [(28, GapCause.DISK_FULL), (5, GapCause.DISK_ERROR)])
async def test_failing_recorder_is_replaced(bench: Bench, errno: int, cause: GapCause) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(1)
    bench.source.session.fail(errno, "cannot write")
    await settle()
    assert bench.gaps.gaps[0].cause is cause
    assert bench.stats.recording_failures == 1
    await bench.clock.advance(10)
    assert len(bench.source.holds) == 2
    assert bench.source.holds[0].released


async def test_recorder_that_cannot_be_attached_is_a_disk_error(bench: Bench) -> None:
    await bench.open()
    bench.source.attach_error = OSError(13, "Permission denied")
    await bench.recorder.start(KEY)
    await settle()
    state = bench.recorder.snapshot()[0]
    assert (state.cause, state.recording) == (GapCause.DISK_ERROR, False)
    assert bench.source.holds[0].released
    bench.source.attach_error = None
    await bench.clock.advance(2)
    await bench.stream(1)
    assert bench.recorder.is_recording(KEY)


async def test_stalled_stream_is_taken_up_anew(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    await bench.clock.advance(bench.settings.stall_s + 10)
    assert bench.gaps.gaps[0].cause is GapCause.STALLED
    assert bench.gaps.gaps[0].start_time == START + timedelta(seconds=2)
    assert len(bench.source.holds) == 2


async def test_missing_closing_fact_is_replaced_by_reading_the_file(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(3)
    bench.source.session.is_silent_on_detach = True
    stopping = asyncio.ensure_future(bench.recorder.stop(KEY))
    await bench.clock.advance(CLOSING_S + 1)
    await stopping
    (row,) = bench.rows()
    assert (row.state, row.end_time) == (SegmentState.RECOVERED, START + timedelta(seconds=3))
    assert row.keep_until is not None


async def test_gap_inside_a_run_is_noted(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(3)
    bench.source.session.gap(START, START + timedelta(seconds=1))
    await settle()
    (gap,) = bench.gaps.gaps
    assert (gap.cause, gap.end_time) == (GapCause.MEDIA, START + timedelta(seconds=1))
    assert bench.recorder.is_recording(KEY)


async def test_rows_wait_while_the_database_does_not_answer(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    bench.index.error = OperationalError("insert", {}, Exception("database is locked"))
    await bench.stream(3)
    assert bench.rows() == []
    assert bench.stats.index_failures > 0
    bench.index.error = None
    await bench.clock.advance(2)
    assert len(bench.rows()) == 1


async def test_unforeseen_fault_of_the_source_is_a_gap_and_not_the_end(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.open()
    bench.source.error = ZeroDivisionError("a bug")
    await bench.recorder.start(KEY)
    await bench.clock.advance(5)
    assert bench.gaps.gaps[0].cause is GapCause.ERROR
    assert "unforeseen" in caplog.text
    bench.source.error = None
    await bench.clock.advance(60)
    await bench.stream(1)
    assert bench.recorder.is_recording(KEY)


async def test_class_change_reaches_segments_that_are_closed_later(bench: Bench) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    bench.policy.classes[KEY] = RetentionClass.KEY
    await bench.play(40)
    await bench.recorder.stop(KEY)
    (row,) = bench.rows()
    assert row.retention_class is RetentionClass.KEY


async def test_class_that_was_lowered_while_recording_keeps_the_longer_promise(bench: Bench) -> None:
    bench.policy.classes[KEY] = RetentionClass.KEY
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    bench.policy.classes[KEY] = RetentionClass.ORDINARY
    await bench.play(40)
    await bench.recorder.stop(KEY)
    assert bench.rows()[0].keep_until == keep_until(bench.rows()[0].end_time, RetentionClass.KEY)


async def test_channels_are_recorded_side_by_side(bench: Bench) -> None:
    bench.policy.always = [KEY, OTHER]
    await bench.open()
    for hold in bench.source.holds:
        hold.session.keyframe()
        hold.session.feed()
    await bench.clock.advance(2)
    assert {row.key for row in bench.rows()} == {KEY, OTHER}
    bench.source.holds[0].lost.set()
    await settle()
    assert [bench.recorder.is_recording(key) for key in (KEY, OTHER)] == [False, True]


async def test_closed_recorder_takes_no_orders(bench: Bench) -> None:
    with pytest.raises(RecorderClosed):
        await bench.recorder.start(KEY)
    await bench.open()
    await bench.recorder.close()
    with pytest.raises(RecorderClosed):
        await bench.recorder.stop(KEY)


async def test_task_that_ends_by_itself_is_started_again_loudly(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a hold must not end the recording of a channel for ever."""
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()

    async def broken() -> None:
        raise RuntimeError("release failed")

    bench.source.holds[0].release = broken  # type: ignore[method-assign]
    bench.source.holds[0].lost.set()
    await bench.clock.advance(bench.settings.reconcile_s + 1)
    assert "ended by itself" in caplog.text
    await bench.stream(1)
    assert bench.recorder.is_recording(KEY)


def test_causes_are_found_by_the_name_of_the_class_or_a_base() -> None:
    class Special(DeviceOffline):
        pass

    assert cause_of(Special()) is GapCause.DEVICE_OFFLINE
    assert cause_of(ValueError()) is GapCause.ERROR


def test_every_error_of_the_devices_room_has_a_cause() -> None:
    import sipserver.devices.errors as errors

    names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, errors.DeviceError)
        and value is not errors.DeviceError
    }
    assert names <= CAUSES.keys()
