"""The storage room as one thing: built with an engine, a stream source and the catalogue's wishes."""

import asyncio
import logging
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey, RetentionClass
from storage.alarm_clips import AlarmClips
from storage.alarm_files import AlarmFileStore
from storage.clock import Clock, SystemClock
from storage.disk import DiskWatch
from storage.events import EventSink, ignore
from storage.gaps import GapLedger
from storage.holds import SegmentHolds
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.playback import Playback
from storage.ports import ChannelPolicy, StreamSource
from storage.recorded_playback import RecordedPlaybacks, RecordingsPlayer
from storage.recorder import ALIVE, Recorder
from storage.recovery import Recovery
from storage.retention import RetentionKeeper, rules_of
from storage.settings import StorageSettings
from storage.stats import StorageSnapshot, StorageStats
from storage.store import RequestStore, StateStore
from storage.temporary import TemporaryRecording, TemporaryRecordings, TemporaryStore

log = logging.getLogger(__name__)


class StorageService:
    """Opens in order: recovery, recorder, retention. Closes the other way round."""

    def __init__(
        self,
        settings: StorageSettings,
        engine: AsyncEngine,
        source: StreamSource,
        policy: ChannelPolicy,
        *,
        clock: Clock | None = None,
        on_event: EventSink = ignore,
        player: RecordingsPlayer | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self.stats = StorageStats()
        self.index = SegmentIndex(engine)
        self.ledger = DeletionLedger(engine)
        self.gaps = GapLedger(engine)
        self.disk = DiskWatch(settings.path, settings.free_floor_bytes, on_event)
        self.playback = Playback(settings.path, self.index)
        self.holds = SegmentHolds()
        self.playbacks = RecordedPlaybacks(settings, self.index, self.holds, player)
        self._state = StateStore(engine)
        self._recovery = Recovery(
            settings, self.index, self.ledger, policy, clock=self._clock, stats=self.stats, on_event=on_event
        )
        self.retention = RetentionKeeper(
            settings,
            self.index,
            self.ledger,
            self._state,
            policy,
            clock=self._clock,
            stats=self.stats,
            on_event=on_event,
            holds=self.holds,
        )
        self.temporary = TemporaryRecordings(
            settings, TemporaryStore(engine), rules_of(settings), self._clock
        )
        self.recorder = Recorder(
            settings,
            source,
            policy,
            self.index,
            RequestStore(engine),
            self.gaps,
            self._state,
            self.disk,
            clock=self._clock,
            stats=self.stats,
            on_event=on_event,
            temporary=self.temporary,
        )
        self.clips = AlarmClips(
            settings,
            AlarmFileStore(engine),
            source,
            self.recorder,
            self.index,
            policy,
            self.disk,
            self._clock,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Recover what a former run left, then record and keep."""
        await asyncio.to_thread(self._settings.path.mkdir, mode=0o750, parents=True, exist_ok=True)
        await self._recovery.recover_open()
        await self._recovery.reindex(await self._state.get_time(ALIVE))
        self.stats.segments, self.stats.size_bytes = await self.index.totals()
        await self.temporary.open()
        await self.temporary.expire()
        await self.recorder.open()
        await self.clips.open()
        self._tasks = [
            asyncio.create_task(self._keep()),
            asyncio.create_task(self._audit()),
        ]

    async def close(self) -> None:
        """Close all files; returns when they are in the index."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.playbacks.close()
        await self.clips.close()
        await self.recorder.close()

    async def record_until(
        self,
        key: ChannelKey,
        end_time: datetime,
        *,
        requested_by: str,
        reason: str,
        retention_class: RetentionClass = RetentionClass.TEMPORARY,
    ) -> TemporaryRecording:
        """Record a channel from now on until a stated time, through every loss and restart (R-4).

        Raises:
            DiskFull: free space is below the floor; nothing was begun and nothing is remembered.
            TemporaryRefused
        """
        await asyncio.to_thread(self.disk.require_room)
        recording = await self.temporary.add(
            key, end_time, requested_by=requested_by, reason=reason, retention_class=retention_class
        )
        await self.recorder.wish_begun(key)
        return recording

    async def end_temporary(self, recording_id: str) -> TemporaryRecording:
        """End it now; returns when its file is closed, unless something else wants it to go on.

        Raises:
            TemporaryNotFound
        """
        recording = await self.temporary.stop(recording_id)
        await self.recorder.wish_ended(recording.key)
        return recording

    def snapshot(self) -> StorageSnapshot:
        """Numbers for the metrics; no query, no disk access."""
        states = self.recorder.snapshot()
        disk = self.disk.state
        return StorageSnapshot(
            free_bytes=disk.free_bytes,
            total_bytes=disk.total_bytes,
            floor_bytes=self.disk.floor_bytes,
            disk_full=disk.is_full,
            desired=len(states),
            recording=sum(state.recording for state in states),
            retention_paused=self.retention.paused,
            **asdict(self.stats),
        )

    async def _keep(self) -> None:
        while True:
            try:
                await self.retention.run()
            except Exception:  # footage beyond its time is a lesser evil than a keeper that is dead
                self.stats.deletion_failures += 1
                log.exception("retention run failed, will try again")
            await self._clock.sleep(self._settings.retention_run_s)

    async def _audit(self) -> None:
        try:
            await self._recovery.audit()
        except Exception:
            log.exception("the audit of the recordings failed")
