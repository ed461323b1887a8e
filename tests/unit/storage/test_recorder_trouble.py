"""The recorder when disk, data plane, database or catalogue fail."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from catalog.model import RetentionClass
from sipserver.devices import errors
from sipserver.devices.invites import Invites
from storage.causes import cause_of
from storage.errors import DiskFull, RecorderClosed
from storage.model import GapCause, SegmentState
from storage.promise import keep_until
from storage.recording import CLOSING_S
from tests.unit.storage.bench import GIB, Bench, DeviceOffline
from tests.unit.storage.fakes import KEY, OTHER, START, settle


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


def test_every_error_that_a_stream_ends_with_has_a_cause() -> None:
    """Those that ``Invites.hold`` names, and all that derive from them."""
    named = re.findall(r"\b[A-Z]\w+", (Invites.hold.__doc__ or "").partition("Raises:")[2])
    roots = tuple(getattr(errors, name) for name in named)
    assert errors.DeviceOffline in roots
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, roots)]
    assert [kind for kind in kinds if cause_of(kind.__new__(kind)) is GapCause.ERROR] == []


async def test_catalogue_that_does_not_answer_stops_no_recording(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)

    async def broken() -> list[Any]:
        raise OperationalError("select", {}, Exception("no answer"))

    bench.policy.channels_recorded_always = broken  # type: ignore[method-assign]
    await bench.play(30)
    assert bench.recorder.is_recording(KEY)
    complaints = [record for record in caplog.records if "times in a row" in record.getMessage()]
    assert len(complaints) == 4


async def test_hold_that_is_lost_at_once_is_a_lost_stream(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.open()
    bench.source.gives_lost_holds = True
    await bench.recorder.start(KEY)
    await bench.clock.advance(5)
    assert bench.recorder.snapshot()[0].cause is GapCause.STREAM_LOST
    assert all(hold.released for hold in bench.source.holds)
    bench.source.gives_lost_holds = False
    await bench.clock.advance(10)
    await bench.stream(1)
    assert bench.recorder.is_recording(KEY)
    assert "ended by itself" not in caplog.text


async def test_stream_that_ends_is_given_back_without_a_fault(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.open()
    await bench.recorder.start(KEY)
    await settle()
    await bench.stream(2)
    bench.source.holds[0].lost.set()
    await bench.clock.advance(bench.settings.reconcile_s + 1)
    assert bench.rows()[0].state is SegmentState.CLOSED
    assert "ended by itself" not in caplog.text
    assert bench.stats.recording_failures == 0
