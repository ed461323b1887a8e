"""Twins in memory of what storage works with: clocks, stores, a stream source (``storage/ports.py``)."""

import asyncio
import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from catalog.model import ChannelKey, RetentionClass
from media.facts import (
    AudioInfo,
    RecorderDetached,
    RecorderFailed,
    RecorderGap,
    SegmentClosed,
    SegmentGrown,
    SegmentOpened,
    StreamInfo,
)
from storage.model import ON_DISK, Gap, GapCause, Segment, SegmentState
from tests.unit.storage.fmp4 import head, second

START = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
KEY = ChannelKey("34020000001180000005", "34020000001320000012")
OTHER = ChannelKey("34020000001180000006", "34020000001320000012")


class InlineExecutor(ThreadPoolExecutor):
    """Runs at once what would run in a thread, so that a test decides when time passes."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class ManualClock:
    """Time that passes only when a test says so."""

    def __init__(self, start: datetime = START) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def wall(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._monotonic + seconds, self._count, future))
        await future

    def pass_time(self, seconds: float) -> None:
        """Both clocks, for those who do not sleep."""
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """The wall clock alone."""
        self._wall += timedelta(seconds=seconds)

    async def advance(self, seconds: float) -> None:
        """Both clocks, waking each sleeper at its time."""
        end = self._monotonic + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self.pass_time(max(0.0, due - self._monotonic))
                future.set_result(None)
                await settle()
        self.pass_time(end - self._monotonic)
        await settle()


async def settle() -> None:
    """Let every task run until all of them wait for something; what is short in a thread is waited for."""
    for _ in range(2):
        for _ in range(30):
            await asyncio.sleep(0)
        await asyncio.to_thread(_nothing)


def _nothing() -> None:
    """Behind what other threads have begun."""


@dataclass
class _Attached:
    directory: Path
    on_fact: Callable[[Any], None]
    metadata: bytes
    number: int = 0
    segment_id: str = ""
    start_time: datetime = START
    seconds: int = 0


class FakeSession:
    """Writes real files when told so: a key frame opens one, a second of stream appends to it."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.attached: dict[str, _Attached] = {}
        self.is_silent_on_detach = False
        self.attach_error: OSError | None = None

    def attach_recorder(
        self,
        recorder_id: str,
        directory: Path,
        *,
        segment_s: float,
        metadata: bytes,
        on_fact: Callable[[Any], None],
    ) -> None:
        if self.attach_error is not None:
            raise self.attach_error
        assert directory.is_dir()
        self.attached[recorder_id] = _Attached(directory, on_fact, metadata)

    async def jpeg(self, max_width: int | None = None) -> bytes:
        return b"\xff\xd8 a picture"

    def detach_recorder(self, recorder_id: str) -> None:
        attached = self.attached.pop(recorder_id, None)
        if attached is not None and not self.is_silent_on_detach:
            self._close(recorder_id, attached, "detached")
            attached.on_fact(RecorderDetached(recorder_id))

    def keyframe(self) -> None:
        """A new segment begins."""
        for recorder_id, attached in self.attached.items():
            self._close(recorder_id, attached, "length")
            attached.number += 1
            attached.segment_id = f"{recorder_id}-{attached.number:06d}"
            attached.start_time, attached.seconds = self._clock.wall(), 0
            file = self._file(attached)
            start_us = int(attached.start_time.timestamp() * 1_000_000)
            file.write_bytes(head(attached.metadata, start_us))
            attached.on_fact(SegmentOpened(recorder_id, attached.segment_id, file, attached.start_time))

    def feed(self) -> None:
        """One more second is on disk."""
        for recorder_id, attached in self.attached.items():
            attached.seconds += 1
            with self._file(attached).open("ab") as file:
                file.write(second(attached.seconds))
            end_time = attached.start_time + timedelta(seconds=attached.seconds)
            size_bytes = self._file(attached).stat().st_size
            attached.on_fact(
                SegmentGrown(
                    recorder_id,
                    attached.segment_id,
                    size_bytes,
                    attached.seconds,
                    attached.start_time,
                    end_time,
                )
            )

    def fail(self, errno: int, message: str) -> None:
        for recorder_id, attached in self.attached.items():
            attached.on_fact(RecorderFailed(recorder_id, errno, message))

    def gap(self, start: datetime, end: datetime) -> None:
        for recorder_id, attached in self.attached.items():
            attached.on_fact(RecorderGap(recorder_id, 3, start, end, "queue full"))

    def _file(self, attached: _Attached) -> Path:
        return attached.directory / f"{attached.segment_id}.mp4"

    def _close(self, recorder_id: str, attached: _Attached, reason: str) -> None:
        if not attached.segment_id:
            return
        end_time = attached.start_time + timedelta(seconds=attached.seconds)
        attached.on_fact(
            SegmentClosed(
                recorder_id=recorder_id,
                segment_id=attached.segment_id,
                size_bytes=self._file(attached).stat().st_size,
                duration_s=attached.seconds,
                start_time=attached.start_time,
                end_time=end_time,
                first_pts_90k=0,
                last_pts_90k=attached.seconds * 90_000,
                video_codec="H264",
                audio_codec="G711A",
                width=640,
                height=360,
                reason=reason,
            )
        )
        attached.segment_id = ""


class InviteEnded(Exception):
    """Named as the devices room names it."""


class FakeHold:
    """Like the hold of the devices room, it has no session and no info any more once it was lost."""

    def __init__(self, session: FakeSession) -> None:
        self.made_session = session
        self.lost = asyncio.Event()
        self.lost_reason = "remote bye"
        self.released = False

    @property
    def session(self) -> FakeSession:
        if self.lost.is_set():
            raise InviteEnded("the invite is over")
        return self.made_session

    @property
    def info(self) -> StreamInfo:
        if self.lost.is_set():
            raise InviteEnded("no picture yet")
        return StreamInfo("H264", 640, 360, AudioInfo("G711A", 8000, 1), "video/mp4")

    async def release(self) -> None:
        self.released = True


class FakeSource:
    """Gives a stream, refuses with ``error``, or keeps its caller waiting."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.error: Exception | None = None
        self.attach_error: OSError | None = None
        self.gives_lost_holds = False
        self.is_hanging = False
        self.asked: list[ChannelKey] = []
        self.holds: list[FakeHold] = []

    async def hold(self, key: ChannelKey, purpose: str, *, tag: str) -> FakeHold:
        self.asked.append(key)
        if self.is_hanging:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        session = FakeSession(self._clock)
        session.attach_error = self.attach_error
        self.holds.append(FakeHold(session))
        if self.gives_lost_holds:
            self.holds[-1].lost.set()
        return self.holds[-1]

    @property
    def session(self) -> FakeSession:
        return self.holds[-1].made_session


class FakePolicy:
    """The wishes of a catalogue."""

    def __init__(self) -> None:
        self.always: list[ChannelKey] = []
        self.classes: dict[ChannelKey, RetentionClass] = {}

    async def channels_recorded_always(self) -> list[ChannelKey]:
        return list(self.always)

    async def retention_classes(
        self, keys: Collection[ChannelKey] | None = None
    ) -> dict[ChannelKey, RetentionClass]:
        if keys is None:
            return {key: each for key, each in self.classes.items() if each is not RetentionClass.ORDINARY}
        return {key: self.classes[key] for key in keys if key in self.classes}


class FakeIndex:
    """The index in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, Segment] = {}
        self.error: Exception | None = None

    async def save(self, changed: Sequence[Segment]) -> None:
        if self.error is not None:
            raise self.error
        for segment in changed:
            old = self.rows.get(segment.segment_id)
            if old is None:
                self.rows[segment.segment_id] = segment
            elif old.state is not SegmentState.DELETED:
                self.rows[segment.segment_id] = _merged(old, segment)

    async def newest_end(self, keys: Collection[ChannelKey] | None = None) -> dict[ChannelKey, datetime]:
        newest: dict[ChannelKey, datetime] = {}
        for row in self.rows.values():
            if row.state in ON_DISK and (keys is None or row.key in keys):
                newest[row.key] = max(row.end_time, newest.get(row.key, row.end_time))
        return newest

    async def get_segment(self, segment_id: str) -> Segment | None:
        return self.rows.get(segment_id)


def _merged(old: Segment, new: Segment) -> Segment:
    is_longer = new.keep_until is not None and (old.keep_until is None or new.keep_until > old.keep_until)
    promise = new if is_longer else old
    return replace(
        new,
        recorder_id=old.recorder_id,
        device_id=old.device_id,
        channel_id=old.channel_id,
        path=old.path,
        keep_until=promise.keep_until,
        retention_class=promise.retention_class,
    )


class FakeGaps:
    """The gap ledger in a list."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []

    async def begin(self, key: ChannelKey, start: datetime, cause: GapCause, detail: str = "") -> None:
        if key not in await self.open_gaps():
            self.gaps.append(self._gap(key, start, None, cause, detail))

    async def end(self, key: ChannelKey, instant: datetime) -> None:
        self.gaps = [
            replace(gap, end_time=max(instant, gap.start_time))
            if gap.key == key and gap.end_time is None
            else gap
            for gap in self.gaps
        ]

    async def add(
        self, key: ChannelKey, start: datetime, end: datetime, cause: GapCause, detail: str
    ) -> None:
        self.gaps.append(self._gap(key, start, max(start, end), cause, detail))

    async def open_gaps(self) -> dict[ChannelKey, Gap]:
        return {gap.key: gap for gap in self.gaps if gap.end_time is None}

    async def list_gaps(
        self, key: ChannelKey, start: datetime, end: datetime, limit: int = 1000
    ) -> list[Gap]:
        found = [
            gap
            for gap in self.gaps
            if gap.key == key and gap.start_time < end and (gap.end_time is None or gap.end_time > start)
        ]
        return sorted(found, key=lambda gap: (gap.start_time, gap.gap_id))[:limit]

    def _gap(
        self, key: ChannelKey, start: datetime, end: datetime | None, cause: GapCause, detail: str
    ) -> Gap:
        return Gap(
            gap_id=len(self.gaps) + 1,
            device_id=key.device_id,
            channel_id=key.channel_id,
            start_time=start,
            end_time=end,
            cause=cause,
            detail=detail[:500],
        )


class FakeRequests:
    """Requests in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[ChannelKey, str] = {}

    async def load(self) -> Mapping[ChannelKey, object]:
        return dict(self.rows)

    async def add(self, key: ChannelKey, requested_by: str, now: datetime) -> None:
        self.rows.setdefault(key, requested_by)

    async def remove(self, key: ChannelKey) -> None:
        self.rows.pop(key, None)


class FakeState:
    """Instants in a dictionary."""

    def __init__(self) -> None:
        self.times: dict[str, datetime] = {}

    async def get_time(self, name: str) -> datetime | None:
        return self.times.get(name)

    async def set_time(self, name: str, instant: datetime) -> None:
        self.times[name] = instant


def segment(number: int = 1, key: ChannelKey = KEY, **fields: Any) -> Segment:
    """A closed segment of a minute, the ``number``-th after ``START``."""
    start = START + timedelta(minutes=number)
    values: dict[str, Any] = {
        "segment_id": f"{'ab' * 16}-{number:06d}",
        "recorder_id": "ab" * 16,
        "device_id": key.device_id,
        "channel_id": key.channel_id,
        "path": f"segments/ab/{'ab' * 16}/{'ab' * 16}-{number:06d}.mp4",
        "start_time": start,
        "end_time": start + timedelta(minutes=1),
        "size_bytes": 1000,
        "video_codec": "H264",
        "state": SegmentState.CLOSED,
        "keep_until": start + timedelta(days=30),
    }
    return Segment(**(values | fields))
