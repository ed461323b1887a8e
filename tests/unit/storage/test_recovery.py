"""After a crash the index and the disk agree again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import from_us, to_us
from catalog.model import RetentionClass
from storage.check import Severity, check
from storage.events import SegmentsMissing
from storage.files import recorder_directory, relative_path
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.metadata import SegmentMetadata
from storage.model import DeletionReason, Segment, SegmentState
from storage.promise import keep_until
from storage.recovery import Recovery
from storage.settings import StorageSettings
from storage.stats import StorageStats
from storage.tables import deletions, segments
from tests.unit.storage.fakes import KEY, START, FakePolicy, ManualClock, segment
from tests.unit.storage.fmp4 import head, movie, second

RUN = "cd" * 16


class Crash:
    """A store as a killed process left it."""

    def __init__(self, engine: AsyncEngine, settings: StorageSettings, clock: ManualClock) -> None:
        self.engine, self.settings, self.clock = engine, settings, clock
        self.index, self.ledger, self.policy = SegmentIndex(engine), DeletionLedger(engine), FakePolicy()
        self.stats, self.events = StorageStats(), list[Any]()
        self.recovery = Recovery(
            settings,
            self.index,
            self.ledger,
            self.policy,
            clock=clock,
            stats=self.stats,
            on_event=self.events.append,
        )

    def file(self, number: int, data: bytes, run: str = RUN) -> Path:
        directory = recorder_directory(self.settings.path, run)
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"{run}-{number:06d}.mp4"
        file.write_bytes(data)
        return file

    def row(self, file: Path, **fields: Any) -> Segment:
        number = int(file.stem[-6:])
        return segment(
            number,
            segment_id=file.stem,
            recorder_id=file.parent.name,
            path=relative_path(self.settings.path, file),
            **fields,
        )

    async def open_row(self, file: Path, **fields: Any) -> Segment:
        row = self.row(file, **({"state": SegmentState.OPEN, "keep_until": None, "video_codec": ""} | fields))
        row = replace(row, end_time=row.start_time)
        await self.index.save([row])
        return row

    async def stored(self, segment_id: str) -> Segment:
        row = await self.index.get_segment(segment_id)
        assert row is not None
        return row


@pytest.fixture
def crash(engine: AsyncEngine, settings: StorageSettings, clock: ManualClock) -> Crash:
    return Crash(engine, settings, clock)


def metadata(retention_class: RetentionClass = RetentionClass.ORDINARY) -> bytes:
    return SegmentMetadata(KEY.device_id, KEY.channel_id, RUN, retention_class).serialize()


def whole(seconds: int, retention_class: RetentionClass = RetentionClass.ORDINARY) -> bytes:
    return movie(seconds, metadata(retention_class), to_us(START))


async def test_open_segment_is_closed_with_its_true_end(crash: Crash) -> None:
    file = crash.file(1, whole(4) + second(5)[:-3])
    row = await crash.open_row(file)
    result = await crash.recovery.recover_open()
    stored = await crash.stored(row.segment_id)
    assert result.recovered == 1
    assert (stored.state, stored.size_bytes) == (SegmentState.RECOVERED, len(whole(4)))
    assert file.stat().st_size == len(whole(4))
    assert stored.end_time == row.start_time + timedelta(seconds=4)
    assert stored.keep_until == keep_until(stored.end_time, RetentionClass.ORDINARY)
    assert (stored.video_codec, stored.audio_codec, stored.width) == ("H264", "FLAC", 640)


async def test_recovered_segment_gets_the_longest_promise(crash: Crash) -> None:
    crash.policy.classes[KEY] = RetentionClass.ORDINARY
    row = await crash.open_row(crash.file(1, whole(1)), retention_class=RetentionClass.KEY)
    await crash.recovery.recover_open()
    assert (await crash.stored(row.segment_id)).retention_class is RetentionClass.KEY


@pytest.mark.parametrize("data", [b"", head()[:20], head(), head() + second(1)[:30]])
async def test_file_without_a_picture_goes_and_its_row_says_so(crash: Crash, data: bytes) -> None:
    file = crash.file(1, data)
    row = await crash.open_row(file, size_bytes=0)
    result = await crash.recovery.recover_open()
    assert result.empty == 1
    assert not file.exists()
    assert (await crash.stored(row.segment_id)).state is SegmentState.DELETED
    (entry,) = (await crash.ledger.list_entries()).items
    assert entry.reason is DeletionReason.EMPTY


async def test_unreadable_file_that_once_held_pictures_is_kept(
    crash: Crash, caplog: pytest.LogCaptureFixture
) -> None:
    file = crash.file(1, b"\0" * 5000)
    row = await crash.open_row(file, size_bytes=4000)
    await crash.recovery.recover_open()
    assert file.stat().st_size == 5000
    stored = await crash.stored(row.segment_id)
    assert stored.state is SegmentState.RECOVERED
    assert "unreadable" in stored.reason
    assert "kept as it is" in caplog.text


async def test_open_row_without_a_file_is_marked(crash: Crash) -> None:
    file = crash.file(1, b"")
    row = await crash.open_row(file)
    file.unlink()
    assert (await crash.recovery.recover_open()).missing == 1
    assert (await crash.stored(row.segment_id)).state is SegmentState.MISSING


async def test_recovering_twice_changes_nothing(crash: Crash) -> None:
    row = await crash.open_row(crash.file(1, whole(2)))
    await crash.recovery.recover_open()
    before = await crash.stored(row.segment_id)
    assert (await crash.recovery.recover_open()).recovered == 0
    assert await crash.stored(row.segment_id) == before


async def test_lost_index_is_rebuilt_from_the_files(crash: Crash) -> None:
    """R-18: whose footage, from when to when, under which promise."""
    for number in range(3):
        crash.file(number, whole(number + 1, RetentionClass.KEY))
    result = await crash.recovery.reindex(None)
    assert result.reindexed == 3
    page = await crash.index.list_segments(KEY)
    assert [each.size_bytes for each in page.items] == [
        len(whole(n + 1, RetentionClass.KEY)) for n in range(3)
    ]
    row = page.items[1]
    assert (row.start_time, row.end_time, row.recorder_id) == (START, START + timedelta(seconds=2), RUN)
    assert row.keep_until == keep_until(row.end_time, RetentionClass.KEY)
    assert await check(crash.settings, crash.engine) == []


async def test_files_that_are_not_ours_are_left_alone(crash: Crash) -> None:
    foreign = [crash.file(1, b"nothing"), crash.file(2, movie(2)), crash.file(3, head(metadata()))]
    result = await crash.recovery.reindex(None)
    assert (result.reindexed, result.foreign) == (0, 3)
    assert all(file.exists() for file in foreign)


async def test_files_with_rows_are_not_touched_again(crash: Crash) -> None:
    file = crash.file(1, whole(2))
    await crash.index.save([crash.row(file, size_bytes=len(whole(2)))])
    before = file.stat().st_mtime_ns
    assert (await crash.recovery.reindex(None)).reindexed == 0
    assert file.stat().st_mtime_ns == before


async def test_reindexing_is_bounded(crash: Crash) -> None:
    for number in range(5):
        crash.file(number, whole(1))
    first = await crash.recovery.reindex(None, cap=2)
    assert (first.reindexed, first.capped) == (2, True)
    rest = await crash.recovery.reindex(None, cap=10)
    assert (rest.reindexed, rest.capped) == (3, False)


async def test_runs_of_this_process_are_skipped(crash: Crash) -> None:
    crash.file(1, whole(1))
    assert (await crash.recovery.reindex(None, skip={RUN})).reindexed == 0


async def test_only_runs_that_changed_since_are_searched(crash: Crash) -> None:
    crash.file(1, whole(1))
    future = from_us(to_us(START) + 10**15)
    assert (await crash.recovery.reindex(future)).reindexed == 0
    assert (await crash.recovery.reindex(from_us(1))).reindexed == 1


async def test_rows_whose_file_is_gone_are_marked_and_welcomed_back(crash: Crash) -> None:
    files = [crash.file(number, whole(1)) for number in range(4)]
    rows = [crash.row(file) for file in files]
    await crash.index.save(rows)
    files[0].unlink()
    assert (await crash.recovery.audit()).missing == 1
    assert (await crash.stored(rows[0].segment_id)).state is SegmentState.MISSING
    assert crash.events == [SegmentsMissing(1, 4, True)]
    files[0].write_bytes(whole(1))
    await crash.recovery.audit()
    assert (await crash.stored(rows[0].segment_id)).state is SegmentState.RECOVERED


async def test_missing_disk_is_not_taken_for_missing_recordings(crash: Crash) -> None:
    """Field lesson 20: more than half gone means that the disk is not mounted."""
    rows = [crash.row(crash.file(number, b"x")) for number in range(40)]
    await crash.index.save(rows)
    _unlink([crash.settings.path / row.path for row in rows[:30]])
    await crash.recovery.audit()
    assert crash.events == [SegmentsMissing(30, 40, False)]
    assert (await crash.stored(rows[0].segment_id)).state is SegmentState.CLOSED


def _unlink(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink()


class TestCheck:
    async def test_sound_store_has_no_findings(self, crash: Crash) -> None:
        file = crash.file(1, whole(2))
        await crash.index.save([crash.row(file, size_bytes=len(whole(2)))])
        await crash.ledger.record([segment(900)], START)
        assert await check(crash.settings, crash.engine) == []

    async def test_every_disagreement_is_found(self, crash: Crash) -> None:
        gone, short, left = crash.file(1, b""), crash.file(2, b"abc"), crash.file(3, whole(1))
        crash.file(4, whole(1))
        await crash.index.save([crash.row(gone), crash.row(short), crash.row(left, state=SegmentState.OPEN)])
        gone.unlink()
        (left.parent / "notes.txt").write_text("x")
        await crash.ledger.record([segment(900), segment(901)], START)
        async with crash.engine.begin() as connection:
            await connection.execute(delete(deletions).where(deletions.c.seq == 1))
        found = {finding.code: finding for finding in await check(crash.settings, crash.engine)}
        assert set(found) == {
            "file_missing",
            "size_differs",
            "segment_open",
            "file_without_row",
            "foreign_file",
            "ledger_broken",
        }
        assert found["file_missing"].severity is Severity.ERROR
        assert found["file_without_row"].subject == f"{RUN}-000004.mp4"

    async def test_path_out_of_the_store_is_found(self, crash: Crash) -> None:
        await crash.index.save([segment(1, path="/etc/passwd.mp4")])
        assert [finding.code for finding in await check(crash.settings, crash.engine)] == ["path_unusable"]

    async def test_missing_store_and_full_disk_are_told(self, crash: Crash) -> None:
        full = replace(crash.settings, free_floor_bytes=2**62)
        assert [finding.code for finding in await check(full, crash.engine)] == ["disk_full"]
        absent = replace(crash.settings, path=crash.settings.path / "absent")
        assert [finding.code for finding in await check(absent, crash.engine)] == ["no_store"]

    async def test_check_changes_nothing(self, crash: Crash) -> None:
        file = crash.file(1, whole(1) + b"torn")
        await crash.open_row(file)
        await check(crash.settings, crash.engine)
        assert file.read_bytes() == whole(1) + b"torn"
        async with crash.engine.connect() as connection:
            states = (await connection.execute(segments.select())).mappings().all()
        assert [row["state"] for row in states] == ["open"]
