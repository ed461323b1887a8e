"""The recorder against a stream source in memory; time passes only when told."""

from datetime import timedelta
from pathlib import Path

import pytest

from catalog.model import RetentionClass
from storage.errors import AlwaysRecorded
from storage.events import RecordingInterrupted, RecordingStarted, RecordingStopped
from storage.model import GapCause, SegmentState
from storage.promise import keep_until
from storage.recorder import ALIVE
from tests.unit.storage.bench import Bench, DeviceOffline, Refused
from tests.unit.storage.fakes import KEY, OTHER, START, settle


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
    assert (row.video_codec, row.audio_codec, row.width, row.height) == ("H264", "G711A", 640, 360)
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


async def test_device_that_comes_back_is_asked_at_once(bench: Bench) -> None:
    await bench.open()
    bench.source.error = DeviceOffline("offline")
    await bench.recorder.start(KEY)
    await bench.clock.advance(100)
    bench.source.error = None
    before = len(bench.source.asked)
    bench.recorder.device_came_back(OTHER.device_id)
    await settle()
    assert len(bench.source.asked) == before
    bench.recorder.device_came_back(KEY.device_id)
    await settle()
    await bench.stream(1)
    assert bench.recorder.is_recording(KEY)
    bench.recorder.device_came_back(KEY.device_id)
    await bench.play(2)
    assert len(bench.source.holds) == 1


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
