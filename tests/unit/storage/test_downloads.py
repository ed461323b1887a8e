"""Downloads from devices: what is tried, what counts, what a crash leaves, what is kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey
from media.facts import RecorderDetached, SegmentGrown
from storage.disk import DiskWatch
from storage.download_model import Download, DownloadState
from storage.download_store import DownloadStore
from storage.download_task import directory_of
from storage.downloads import Downloads
from storage.errors import DiskFull, DownloadNotFound, DownloadPartGone, DownloadRefused
from storage.settings import StorageSettings
from tests.support.platform_process import eventually
from tests.unit.storage.fakes import InlineExecutor, ManualClock
from tests.unit.storage.fmp4 import movie

KEY = ChannelKey("34020000001180000005", "34020000001320000012")
START = datetime(2026, 5, 1, tzinfo=UTC)
WRITTEN = datetime(2026, 6, 1, tzinfo=UTC)


class Stream:
    """A stream that brings ``seconds`` of footage and ends as it is told."""

    def __init__(self, outcome: str | None, detail: str) -> None:
        self.ended = asyncio.Event()
        self.outcome = outcome
        self.detail = detail
        self.size_bytes: int | None = None
        self.received_bytes = 1000
        self.on_close: Callable[[], None] = lambda: None
        if outcome is not None:
            self.ended.set()

    async def close(self) -> None:
        self.on_close()


class Source:
    """Gives streams by a plan: (seconds of footage, how it ends), or an error."""

    def __init__(self) -> None:
        self.plan: list[tuple[int, str | None] | Exception] = []
        self.asked: list[tuple[datetime, datetime, int]] = []
        self.streams: list[Stream] = []

    async def open_stream(self, key: ChannelKey, start: datetime, end: datetime, **options: Any) -> Stream:
        self.asked.append((start, end, options["speed"]))
        step = self.plan.pop(0)
        if isinstance(step, Exception):
            raise step
        seconds, outcome = step
        session = Session(seconds)
        options["on_session"](session)
        stream = Stream(outcome, outcome or "broken")
        stream.on_close = session.close
        self.streams.append(stream)
        return stream


class Session:
    """Writes one file when it is attached, and closes it with the stream."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def attach_recorder(
        self, recorder_id: str, directory: Path, *, segment_s: float, metadata: bytes, on_fact: Any
    ) -> None:
        segment_id = f"{recorder_id}-000001"
        if self._seconds:
            (directory / f"{segment_id}.mp4").write_bytes(movie(self._seconds))
            size, length = len(movie(self._seconds)), float(self._seconds)
            on_fact(SegmentGrown(recorder_id, segment_id, size, length, WRITTEN, WRITTEN))
        self.close = lambda: on_fact(RecorderDetached(recorder_id))

    def detach_recorder(self, recorder_id: str) -> None: ...

    def close(self) -> None: ...

    async def jpeg(self, max_width: int | None = None) -> bytes:
        return b""


class Bench:
    def __init__(self, settings: StorageSettings, engine: AsyncEngine, clock: ManualClock) -> None:
        self.settings = settings
        self.clock = clock
        self.source = Source()
        self.free_bytes = 10**12
        self.disk = DiskWatch(settings.path, 1000, usage=lambda _: (self.free_bytes, 10**12))
        self.store = DownloadStore(engine)
        self.downloads = Downloads(settings, engine, self.source, self.disk, clock=clock)

    async def start(self, seconds: float = 60, speed: int = 4) -> Download:
        end = START + timedelta(seconds=seconds)
        return await self.downloads.start(KEY, START, end, speed=speed, requested_by="anna")

    async def finished(self, download: Download) -> Download:
        """The row once it is finished; the clock is moved while it is not."""
        async with asyncio.timeout(20):
            while not (row := await self.downloads.get(download.download_id)).is_finished:
                await self.clock.advance(5)
                await asyncio.sleep(0.01)
        return row

    async def reaches(self, download: Download, what: Callable[[Download], bool]) -> None:
        """Until a download is as wanted; no time passes on the clock."""

        async def is_there() -> bool:
            return what(await self.downloads.get(download.download_id))

        await eventually(is_there, "the download is as wanted", every_s=0.01)


@pytest.fixture
async def bench(settings: StorageSettings, engine: AsyncEngine, clock: ManualClock) -> AsyncIterator[Bench]:
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    made = Bench(replace(settings, download_attempts=3, downloads_waiting_max=2), engine, clock)
    await made.downloads.open()
    yield made
    await made.downloads.close()


async def test_one_attempt_that_brings_everything(bench: Bench) -> None:
    bench.source.plan = [(60, "end of file")]
    row = await bench.finished(await bench.start())
    assert (row.state, row.covered_s, row.attempts) == (DownloadState.COMPLETE, 60, 1)
    (part,) = (await bench.downloads.parts([row]))[row.download_id]
    assert part.verified
    found, file = await bench.downloads.file(row.download_id, part.part_id)
    assert found == part
    assert part.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert bench.downloads.progress(row).ratio == 1.0


async def test_a_break_is_followed_by_what_is_missing(bench: Bench) -> None:
    bench.source.plan = [(20, "media stopped"), OSError("away"), (40, "end of file")]
    row = await bench.finished(await bench.start())
    assert (row.state, row.attempts) == (DownloadState.COMPLETE, 3)
    begins = [(start - START).total_seconds() for start, _, _ in bench.source.asked]
    assert begins == [0, 20, 20]
    parts = (await bench.downloads.parts([row]))[row.download_id]
    assert [part.offset_s for part in parts] == [0, 20]


async def test_attempts_that_bring_nothing_come_to_an_end(bench: Bench) -> None:
    bench.source.plan = [OSError("no such recording")] * 3
    row = await bench.finished(await bench.start())
    assert (row.state, row.attempts) == (DownloadState.FAILED, 3)
    assert "no such recording" in row.detail


async def test_less_than_was_asked_for_is_called_so(bench: Bench) -> None:
    bench.source.plan = [(30, "end of file")]
    row = await bench.finished(await bench.start())
    assert row.state is DownloadState.INCOMPLETE
    assert row.detail.startswith("30 of 60 s came")
    assert bench.downloads.progress(row).ratio == 0.5


async def test_a_stream_that_broke_at_its_very_end_is_complete(bench: Bench) -> None:
    bench.source.plan = [(59, "media stopped")]
    assert (await bench.finished(await bench.start())).state is DownloadState.COMPLETE


async def test_a_device_that_is_back_is_asked_at_once(bench: Bench) -> None:
    bench.source.plan = [OSError("offline"), (60, "end of file")]
    download = await bench.start()
    await bench.reaches(download, lambda row: row.state is DownloadState.WAITING)
    bench.downloads.device_came_back("34020000001180000099")
    assert len(bench.source.asked) == 1
    bench.downloads.device_came_back(KEY.device_id)
    await bench.reaches(download, lambda row: row.is_finished)
    assert len(bench.source.asked) == 2


async def test_a_full_disk_begins_nothing_and_ends_what_runs(bench: Bench) -> None:
    bench.free_bytes = 10
    with pytest.raises(DiskFull):
        await bench.start()
    bench.free_bytes = 10**12
    bench.source.plan = [(20, None)]
    download = await bench.start()
    await bench.reaches(download, lambda _: bool(bench.source.streams))
    bench.free_bytes = 10
    row = await bench.finished(download)
    assert (row.state, row.covered_s) == (DownloadState.INCOMPLETE, 20)
    assert "free" in row.detail


async def test_a_cancelled_download_keeps_what_came(bench: Bench) -> None:
    bench.source.plan = [(20, None)]
    download = await bench.start()
    await bench.reaches(download, lambda _: bool(bench.source.streams))
    row = await bench.downloads.cancel(download.download_id)
    assert (row.state, row.covered_s) == (DownloadState.CANCELLED, 20)
    assert (await bench.downloads.cancel(download.download_id)).state is DownloadState.CANCELLED


async def test_too_many_and_too_long_are_refused(bench: Bench) -> None:
    bench.source.plan = [(1, None)]
    await bench.start()
    await bench.start()
    with pytest.raises(DownloadRefused, match="2 downloads"):
        await bench.start()
    for seconds in (0, -5, 25 * 3600):
        with pytest.raises(DownloadRefused, match="at most"):
            await bench.start(seconds)


async def test_what_a_crash_left_without_a_row_is_mended_and_counted(
    bench: Bench, settings: StorageSettings, engine: AsyncEngine, clock: ManualClock
) -> None:
    download = Download(
        download_id="ab" * 16,
        key=KEY,
        start_time=START,
        end_time=START + timedelta(seconds=60),
        speed=4,
        record_type="all",
        uri="",
        requested_by="anna",
        requested_time=START,
        state=DownloadState.RUNNING,
        attempts=1,
    )
    await bench.store.add(download)
    directory = directory_of(settings.path, download.download_id)
    directory.mkdir(parents=True)
    (directory / "aa-000001.mp4").write_bytes(movie(10) + b"\0\0\0\x40moof")
    (directory / "bb-000001.mp4").write_bytes(b"no movie")
    after = Bench(bench.settings, engine, clock)
    after.source.plan = [(50, "end of file")]
    await after.downloads.open()
    row = await after.finished(download)
    assert (row.state, row.covered_s, row.attempts) == (DownloadState.COMPLETE, 60, 2)
    assert (after.source.asked[0][0] - START).total_seconds() == 10
    parts = (await after.downloads.parts([row]))[row.download_id]
    assert [part.verified for part in parts] == [False, True], "the torn one is told"
    assert not (directory / "bb-000001.mp4").exists()
    await after.downloads.close()


async def test_files_go_when_their_time_is_over(bench: Bench) -> None:
    bench.source.plan = [(60, "end of file")]
    row = await bench.finished(await bench.start())
    await bench.clock.advance(bench.settings.downloads_keep_days * 86_400 + 7200)
    async with asyncio.timeout(10):
        while await bench.store.get(row.download_id) is not None:
            await bench.clock.advance(3600)
            await asyncio.sleep(0.01)
    assert not directory_of(bench.settings.path, row.download_id).exists()


async def test_pages_are_newest_first_and_unknown_ids_are_told(bench: Bench) -> None:
    made = []
    for _ in range(2):
        bench.source.plan = [(60, "end of file")]
        made.append(await bench.finished(await bench.start()))
        bench.clock.pass_time(10)
    first = await bench.downloads.page(None, 1)
    assert [row.download_id for row in first] == [made[1].download_id]
    rest = await bench.downloads.page((first[0].requested_time, first[0].download_id), 10)
    assert [row.download_id for row in rest] == [made[0].download_id]
    (part,) = (await bench.downloads.parts(rest))[made[0].download_id]
    (bench.settings.path / part.path).unlink()
    with pytest.raises(DownloadPartGone):
        await bench.downloads.file(made[0].download_id, part.part_id)
    for wrong in ("ff" * 16, "../../etc"):
        with pytest.raises(DownloadNotFound):
            await bench.downloads.get(wrong)
        with pytest.raises(DownloadNotFound):
            await bench.downloads.file(wrong, "x")
    with pytest.raises(DownloadNotFound):
        directory_of(bench.settings.path, "../..")
