"""One channel on its way to disk: hold its stream, attach a recorder, and again after every loss.

States: waiting (between attempts), asking (the stream was asked for), writing (attached).
One task owns it; ``stop`` ends it cleanly.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.model import ChannelKey, RetentionClass
from media.errors import MediaError
from media.facts import (
    RecorderDetached,
    RecorderFact,
    RecorderFailed,
    RecorderGap,
    SegmentClosed,
    SegmentGrown,
    SegmentOpened,
    StreamInfo,
)
from storage.causes import cause_of, cause_of_errno
from storage.clock import Clock
from storage.disk import DiskWatch
from storage.errors import SegmentUnreadable
from storage.events import EventSink, RecordingInterrupted, RecordingStarted
from storage.files import recorder_directory, segment_file
from storage.holes import Hole, Holes
from storage.metadata import SegmentMetadata
from storage.model import GapCause, Phase, RecordingState, Segment
from storage.ports import Gaps, StreamHold, StreamSource
from storage.segment import recover
from storage.settings import StorageSettings
from storage.stats import StorageStats
from storage.writer import SegmentWriter

log = logging.getLogger(__name__)

TAG: Final = "recorder"
CLOSING_S: Final = 5.0
"""How long the last fact of a detached recorder is waited for, before the file is read instead."""
MAX_PENDING_GAPS: Final = 100


@dataclass(frozen=True, slots=True)
class RecordingParts:
    """What all recordings of one recorder share."""

    settings: StorageSettings
    source: StreamSource
    writer: SegmentWriter
    gaps: Gaps
    disk: DiskWatch
    clock: Clock
    stats: StorageStats
    on_event: EventSink
    jitter: Callable[[float], float]
    asking: asyncio.Semaphore


class Recording:
    """Keeps one channel on disk until it is stopped."""

    def __init__(self, key: ChannelKey, retention_class: RetentionClass, parts: RecordingParts) -> None:
        self.key = key
        self.retention_class = retention_class
        self._parts = parts
        self._phase = Phase.WAITING
        self._stopping = False
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._recorder_id: str | None = None
        self._segment_id: str | None = None
        self._attempts = 0
        self._cause: GapCause | None = GapCause.STARTING
        self._detail = ""
        self._failure: tuple[GapCause, str] | None = None
        self._fed_at = 0.0
        self._last_end = parts.clock.wall()
        self._gap_open = True
        self._resumed_time: datetime | None = None
        self._holes = Holes()
        self._pending_gaps: deque[tuple[datetime, datetime, str]] = deque(maxlen=MAX_PENDING_GAPS)

    @property
    def is_recording(self) -> bool:
        """Whether footage reaches the disk."""
        return self._segment_id is not None

    def state(self) -> RecordingState:
        return RecordingState(
            self.key,
            self._phase,
            self.is_recording,
            self._recorder_id,
            self._segment_id,
            self._attempts,
            None if self.is_recording else self._cause,
            "" if self.is_recording else self._detail,
        )

    def stop(self) -> None:
        """Ask the task to end; it closes the file in hand first."""
        self._stopping = True
        self._wake.set()

    def retry_now(self) -> None:
        """Cut the pause before the next attempt short: something changed for the better."""
        if self._phase is Phase.WAITING:
            self._attempts = 0
            self._wake.set()

    def look(self) -> None:
        """Compare what should be with what is; the recorder calls it every few seconds."""
        if self._phase is not Phase.WRITING:
            return
        if self._parts.disk.state.is_full:
            self._fail(GapCause.DISK_FULL, "free space is below the floor")
        elif self._parts.clock.monotonic() - self._fed_at > self._parts.settings.stall_s:
            self._fail(GapCause.STALLED, f"nothing written for {self._parts.settings.stall_s:g} s")

    async def run(self) -> None:
        """Attempt after attempt, until stopped."""
        while not self._stopping:
            self._wake.clear()
            await self._attempt()
            if not self._stopping:
                await self._pause()

    # ------------------------------------------------------------------ one attempt

    async def _attempt(self) -> None:
        self._attempts += 1
        if self._parts.disk.state.is_full:
            await self._interrupted(GapCause.DISK_FULL, "free space is below the floor")
            return
        self._phase = Phase.ASKING
        try:
            hold = await self._hold()
        except Exception as error:  # whatever the source says: it is the cause of the gap
            await self._interrupted(self._cause_and_log(error), str(error))
            return
        finally:
            self._phase = Phase.WAITING
        if hold is None:
            return
        try:
            cause, detail = await self._write(hold)
        finally:
            self._phase = Phase.WAITING
            await hold.release()
        if not self._stopping:
            await self._interrupted(cause, detail)

    async def _hold(self) -> StreamHold | None:
        """The stream, or None when the recording was stopped meanwhile."""
        asking = asyncio.ensure_future(self._ask())
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({asking, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            if not asking.done():
                asking.cancel()
        if asking.done():
            return asking.result()
        await asyncio.wait({asking})
        if not asking.cancelled() and asking.exception() is None:
            await asking.result().release()
        return None

    async def _ask(self) -> StreamHold:
        async with self._parts.asking:
            return await self._parts.source.hold(self.key, "record", tag=TAG)

    async def _write(self, hold: StreamHold) -> tuple[GapCause, str]:
        """Attach, stay until something ends it, detach, and see the file closed."""
        recorder_id = uuid.uuid4().hex
        directory = recorder_directory(self._parts.settings.path, recorder_id)
        metadata = SegmentMetadata(
            self.key.device_id, self.key.channel_id, recorder_id, self.retention_class
        ).serialize()
        self._failure, self._holes = None, Holes()
        self._closed.clear()
        self._recorder_id = recorder_id
        self._fed_at = self._parts.clock.monotonic()
        try:
            session, info = hold.session, hold.info  # taken now: a hold that was lost has neither
            await asyncio.to_thread(directory.mkdir, mode=0o750, parents=True, exist_ok=True)
            session.attach_recorder(
                recorder_id,
                directory,
                segment_s=self._parts.settings.segment_s,
                metadata=metadata,
                on_fact=partial(self._on_fact, recorder_id, info),
            )
        except Exception as error:  # the stream ended in this instant, or the disk refused
            return self._not_attached(error)
        self._phase = Phase.WRITING
        try:
            return await self._until_ended(hold)
        finally:
            try:
                session.detach_recorder(recorder_id)
            except MediaError as error:  # the session ended on its own; its files are closed or read back
                log.debug("recorder %s could not be detached: %s", recorder_id, error)
            await self._see_closed(recorder_id)

    def _not_attached(self, error: Exception) -> tuple[GapCause, str]:
        self._recorder_id = None
        if isinstance(error, OSError):
            self._parts.stats.recording_failures += 1
            return cause_of_errno(error.errno or 0), str(error)
        return self._cause_and_log(error), str(error)

    async def _until_ended(self, hold: StreamHold) -> tuple[GapCause, str]:
        losing = asyncio.ensure_future(hold.lost.wait())
        try:
            while True:
                waking = asyncio.ensure_future(self._wake.wait())
                try:
                    await asyncio.wait({losing, waking}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waking.cancel()
                self._wake.clear()  # before the facts are read: one that comes meanwhile wakes again
                await self._note_facts()
                if self._failure is not None:
                    return self._failure
                if self._stopping:
                    return GapCause.STARTING, ""
                if losing.done():
                    return GapCause.STREAM_LOST, f"the stream ended: {hold.lost_reason or 'unknown'}"
        finally:
            losing.cancel()

    async def _see_closed(self, recorder_id: str) -> None:
        """Wait for the closing fact; when it does not come, read the file as after a crash."""
        open_before = self._parts.writer.open_of(recorder_id)
        if open_before and not self._closed.is_set():
            timeout = asyncio.ensure_future(self._parts.clock.sleep(CLOSING_S))
            closing = asyncio.ensure_future(self._closed.wait())
            await asyncio.wait({timeout, closing}, return_when=asyncio.FIRST_COMPLETED)
            timeout.cancel()
            closing.cancel()
        for segment in self._parts.writer.open_of(recorder_id):
            await self._read_back(segment)
        self._recorder_id = None
        self._segment_id = None
        await self._note_facts()
        await self._parts.writer.flush()

    async def _read_back(self, segment: Segment) -> None:
        file = segment_file(self._parts.settings.path, segment.path)
        try:
            found = await asyncio.to_thread(recover, file)
        except (OSError, SegmentUnreadable) as error:
            log.error("segment %s was not closed and cannot be read: %s", segment.segment_id, error)
            self._parts.writer.forget(segment.segment_id)
            return
        end_time = segment.start_time + timedelta(seconds=found.duration_s)
        self._parts.writer.recovered(
            replace(
                segment,
                end_time=end_time,
                size_bytes=found.whole_bytes,
                video_codec=found.video_codec,
                audio_codec=found.audio_codec,
                width=found.width,
                height=found.height,
                reason="closing fact missing",
            ),
            self.retention_class,
        )
        self._last_end = max(self._last_end, end_time)

    # ------------------------------------------------------------------ facts

    def _on_fact(self, recorder_id: str, info: StreamInfo, fact: RecorderFact) -> None:
        """Take a fact of the data plane; runs on the event loop and never waits.

        A fact that comes after its run was given up is too late: the file was read back instead.
        """
        if recorder_id != self._recorder_id:
            return
        match fact:
            case SegmentOpened():
                self._segment_opened(fact, info)
            case SegmentGrown():
                self._fed_at = self._parts.clock.monotonic()
                self._parts.writer.grown(fact)
                self._hole(self._holes.grown(fact))
            case SegmentClosed():
                self._segment_closed(recorder_id, fact)
            case RecorderFailed():
                self._parts.stats.recording_failures += 1
                self._closed.set()  # its last fact: an open file is read back at once
                self._fail(cause_of_errno(fact.errno), fact.message)
            case RecorderGap():
                self._pending_gaps.append((fact.start_time, fact.end_time, fact.reason))
                self._wake.set()
            case RecorderDetached():
                self._closed.set()

    def _segment_opened(self, fact: SegmentOpened, info: StreamInfo) -> None:
        self._fed_at = self._parts.clock.monotonic()
        self._hole(self._holes.opened(fact.segment_id, fact.start_time))
        self._segment_id = fact.segment_id
        self._parts.writer.opened(self.key, self.retention_class, fact, info)
        self._closed.clear()
        if self._cause is not None or self._gap_open:
            self._resumed_time = fact.start_time
            self._wake.set()

    def _segment_closed(self, recorder_id: str, fact: SegmentClosed) -> None:
        self._fed_at = self._parts.clock.monotonic()
        self._last_end = max(self._last_end, fact.end_time)
        self._parts.writer.closed(fact, self.retention_class)
        if self._segment_id == fact.segment_id:
            self._segment_id = None
        if not self._parts.writer.open_of(recorder_id):
            self._closed.set()

    # ------------------------------------------------------------------ gaps

    def _hole(self, hole: Hole | None) -> None:
        """The stream paused, and goes on in this run."""
        if hole is not None:
            self._pending_gaps.append((*hole, "no pictures came"))
            self._wake.set()

    async def _note_facts(self) -> None:
        """Write what facts said about gaps: a resumption, and gaps inside the run."""
        resumed, self._resumed_time = self._resumed_time, None
        if resumed is not None:
            self._cause, self._detail, self._gap_open, self._attempts = None, "", False, 0
            await self._note(self._parts.gaps.end(self.key, resumed))
            log.info("recording %s", self.key)
            self._parts.on_event(RecordingStarted(self.key))
        while self._pending_gaps:
            start, end, reason = self._pending_gaps.popleft()
            await self._note(self._parts.gaps.add(self.key, start, end, GapCause.MEDIA, reason))

    def _cause_and_log(self, error: Exception) -> GapCause:
        """Why there is no stream; what nobody foresaw is a fault of ours and is told whole."""
        cause = cause_of(error)
        if cause is GapCause.ERROR:
            self._parts.stats.recording_failures += 1
            log.error("recording of %s failed in an unforeseen way", self.key, exc_info=error)
        return cause

    async def _interrupted(self, cause: GapCause, detail: str) -> None:
        self._parts.stats.recording_interruptions += 1
        if cause is not self._cause:
            # After a start most devices have not registered yet: that is ordinary, and the gap ledger has it.
            is_ordinary = self._cause is GapCause.STARTING and cause is GapCause.DEVICE_OFFLINE
            level = logging.INFO if is_ordinary else logging.WARNING
            log.log(level, "not recording %s: %s (%s)", self.key, cause.value, detail)
            self._parts.on_event(RecordingInterrupted(self.key, cause, detail))
        self._cause, self._detail, self._gap_open = cause, detail, True
        await self._note(self._parts.gaps.begin(self.key, self._last_end, cause, detail))

    async def _note(self, writing: Coroutine[Any, Any, None]) -> None:
        """Write to the gap ledger; a database that does not answer must not stop the recording."""
        try:
            await writing
        except (SQLAlchemyError, OSError) as error:
            self._parts.stats.index_failures += 1
            log.error("the gap ledger of %s could not be written: %s", self.key, error)

    def _fail(self, cause: GapCause, detail: str) -> None:
        self._failure = (cause, detail)
        self._wake.set()

    async def _pause(self) -> None:
        """Back off: 1, 2, 4 ... seconds up to the limit, with jitter, cut short by ``stop``."""
        settings = self._parts.settings
        power = min(max(self._attempts, 1) - 1, 20)
        delay_s = self._parts.jitter(min(settings.retry_min_s * 2**power, settings.retry_max_s))
        sleeping = asyncio.ensure_future(self._parts.clock.sleep(delay_s))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
