"""Deletes footage when its promise has run out: never before, promptly after, each on the ledger (R-15).

The promise of a segment is ``keep_until``, stored when it is closed, from the class of its channel.
It is only ever raised. A channel that moves to a longer class takes its existing footage along; one
that moves to a shorter class keeps the longer promise for what it already holds.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from catalog.model import ChannelKey, RetentionClass
from storage.clock import Clock, SystemClock
from storage.clock_guard import ClockGuard
from storage.errors import StorageViolation
from storage.events import EventSink, RetentionPaused, RetentionResumed, ignore
from storage.files import segment_file
from storage.holds import SegmentHolds
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.model import ON_DISK, Segment, SegmentState
from storage.ports import ChannelPolicy
from storage.promise import DEFAULT_RULES, RetentionRules, add_months, keep_until
from storage.settings import StorageSettings
from storage.stats import StorageStats
from storage.store import StateStore

__all__ = ["DEFAULT_RULES", "RetentionKeeper", "RetentionRules", "RetentionRun", "add_months", "keep_until"]

log = logging.getLogger(__name__)

LAST_RUN: Final = "retention_last_run"
PAUSED: Final = "retention_paused"

EXPIRING: Final = (SegmentState.CLOSED, SegmentState.RECOVERED, SegmentState.MISSING)

FORGET_AFTER: Final = timedelta(days=30)
"""Rows of deleted segments answer "it was deleted" for so long; the ledger has them for ever."""


TEMPORARY_OF_ORDINARY: Final = (RetentionClass.TEMPORARY, RetentionClass.ORDINARY)


@dataclass(slots=True)
class RetentionRun:
    """What one run did. ``freed`` leaves out what was missing before and so not counted as stored."""

    deleted: int = 0
    deleted_bytes: int = 0
    freed: int = 0
    freed_bytes: int = 0
    missing: int = 0
    held: int = 0
    raised: int = 0
    failed: int = 0
    paused: str = ""


@dataclass(frozen=True, slots=True)
class _Promise:
    """Gives a segment the promise of a class, or None when it has a promise as long already."""

    retention_class: RetentionClass
    rules: RetentionRules

    def __call__(self, segment: Segment) -> Segment | None:
        if (segment.retention_class, self.retention_class) == TEMPORARY_OF_ORDINARY:
            return None  # recorded for its own sake, of a camera about which nothing else was decided
        until = keep_until(segment.end_time, self.retention_class, self.rules)
        if segment.keep_until is not None and segment.keep_until >= until:
            return None
        return replace(segment, keep_until=until, retention_class=self.retention_class)


class RetentionKeeper:
    """Runs every ``retention_run_s``; the only one who deletes footage."""

    def __init__(
        self,
        settings: StorageSettings,
        index: SegmentIndex,
        ledger: DeletionLedger,
        state: StateStore,
        policy: ChannelPolicy,
        *,
        clock: Clock | None = None,
        stats: StorageStats | None = None,
        on_event: EventSink = ignore,
        holds: SegmentHolds | None = None,
    ) -> None:
        self._settings = settings
        self._holds = SegmentHolds() if holds is None else holds
        self._index = index
        self._ledger = ledger
        self._state = state
        self._policy = policy
        self._clock = clock or SystemClock()
        self._stats = stats or StorageStats()
        self._on_event = on_event
        self._rules = rules_of(settings)
        self._guard: ClockGuard | None = None
        self._paused = False
        self._is_noted = False

    @property
    def paused(self) -> bool:
        """Whether a doubtful clock keeps everything."""
        return self._paused

    async def run(self, now: datetime | None = None) -> RetentionRun:
        """Delete all footage whose promise ran out before ``now``, in bounded batches."""
        now = self._clock.wall() if now is None else now
        result = RetentionRun()
        guard = await self._open_guard()
        if not guard.check(now, self._clock.monotonic()):
            await self._pause(guard.reason, now)
            result.paused = guard.reason
            return result
        await self._resume()
        result.raised += await self._apply_classes()
        await self._delete_expired(now, result)
        await self._index.forget_deleted(now - FORGET_AFTER, self._settings.retention_batch)
        await self._state.set_time(LAST_RUN, now)
        self._count(result)
        return result

    async def acknowledge_clock(self) -> None:
        """An operator says that the clock is right: deleting goes on with the next run."""
        guard = await self._open_guard()
        guard.acknowledge(self._clock.wall(), self._clock.monotonic())

    async def _open_guard(self) -> ClockGuard:
        if self._guard is None:
            self._is_noted = await self._state.get_time(PAUSED) is not None
            self._guard = ClockGuard(
                jump_s=self._settings.clock_jump_s,
                downtime_limit_s=self._settings.downtime_limit_s,
                settle_s=self._settings.clock_settle_s,
                last_run=await self._state.get_time(LAST_RUN),
                was_paused=self._is_noted,
            )
        return self._guard

    async def _pause(self, reason: str, now: datetime) -> None:
        if not self._is_noted:  # so that a restart does not end the pause
            await self._state.set_time(PAUSED, now)
            self._is_noted = True
        if not self._paused:
            self._paused = True
            log.warning("retention paused, nothing is deleted: %s", reason)
            self._on_event(RetentionPaused(reason))

    async def _resume(self) -> None:
        if self._is_noted:
            await self._state.clear(PAUSED)
            self._is_noted = False
        if self._paused:
            self._paused = False
            log.info("retention resumed: the clock is trusted again")
            self._on_event(RetentionResumed())

    async def _apply_classes(self) -> int:
        """Raise the promises of footage whose channel changed its class since the last run."""
        promised = await self._state.promised()
        current = await self._policy.retention_classes()
        ordinary = RetentionClass.ORDINARY
        changed = {
            key: current.get(key, ordinary)
            for key in promised.keys() | current.keys()
            if promised.get(key, ordinary) is not current.get(key, ordinary)
        }
        raised = 0
        for key, retention_class in changed.items():
            if retention_class is not ordinary:
                raised += await self._raise_channel(key, retention_class)
        await self._state.set_promised(changed)
        return raised

    async def _raise_channel(self, key: ChannelKey, retention_class: RetentionClass) -> int:
        after, raised = "", 0
        while batch := await self._index.finished_of(key, after, self._settings.retention_batch):
            after = batch[-1].segment_id
            longer = [
                segment for segment in map(self._promise(retention_class), batch) if segment is not None
            ]
            await self._index.raise_promises(longer)
            raised += len(longer)
        return raised

    async def _delete_expired(self, now: datetime, result: RetentionRun) -> None:
        for state in EXPIRING:
            last: Segment | None = None
            while batch := await self._index.expired(state, now, self._settings.retention_batch, last):
                last = batch[-1]
                await self._delete_batch(batch, now, result)

    async def _delete_batch(self, batch: Sequence[Segment], now: datetime, result: RetentionRun) -> None:
        """The class of this instant is asked for once more: it may be longer than at the last change."""
        classes = await self._policy.retention_classes({segment.key for segment in batch})
        raised, due = [], []
        for segment in batch:
            if self._holds.is_held(segment.segment_id):
                result.held += 1  # it is being played: a later run finds it again
                continue
            longer = self._promise(classes.get(segment.key, RetentionClass.ORDINARY))(segment)
            if longer is None:
                due.append(segment)
            else:  # if that is over as well, a later batch of this run finds it
                raised.append(longer)
        await self._index.raise_promises(raised)
        gone, missing, failed = await asyncio.to_thread(delete_files, self._settings.path, due)
        await self._ledger.record(gone, now)
        result.raised += len(raised)
        result.deleted += len(gone)
        result.deleted_bytes += sum(segment.size_bytes for segment in gone)
        counted = [segment for segment in gone if segment.state in ON_DISK]
        result.freed += len(counted)
        result.freed_bytes += sum(segment.size_bytes for segment in counted)
        result.missing += missing
        result.failed += failed

    def _promise(self, retention_class: RetentionClass) -> _Promise:
        return _Promise(retention_class, self._rules)

    def _count(self, result: RetentionRun) -> None:
        stats = self._stats
        stats.segments -= result.freed
        stats.size_bytes -= result.freed_bytes
        stats.segments_deleted += result.deleted
        stats.deleted_bytes += result.deleted_bytes
        stats.deletion_failures += result.failed
        stats.promises_raised += result.raised
        if result.deleted or result.failed:
            log.info(
                "retention deleted %d segments, %d bytes (%d were missing, %d could not be deleted)",
                result.deleted,
                result.deleted_bytes,
                result.missing,
                result.failed,
            )


def rules_of(settings: StorageSettings) -> RetentionRules:
    """The numbers behind the classes, from the settings."""
    return RetentionRules(
        ordinary_days=settings.ordinary_days,
        key_days=settings.key_days,
        key_months=settings.key_months,
        counter_terrorism_days=settings.counter_terrorism_days,
        temporary_days=settings.temporary_days,
    )


def delete_files(root: Path, due: Sequence[Segment]) -> tuple[list[Segment], int, int]:
    """Delete the files of segments; called in a thread.

    Returns:
        The segments whose file is gone now, how many of them had none, and how many files stayed
        because the system refused. A row is marked only after its file is gone (field lesson 20).
    """
    gone, missing, failed = [], 0, 0
    for segment in due:
        try:
            segment_file(root, segment.path).unlink()
        except FileNotFoundError:
            missing += 1
        except (OSError, StorageViolation) as error:
            failed += 1
            log.error("recording %s cannot be deleted: %s", segment.segment_id, error)
            continue
        gone.append(segment)
    _remove_empty_directories({segment_file(root, segment.path).parent for segment in gone})
    return gone, missing, failed


def _remove_empty_directories(directories: set[Path]) -> None:
    for directory in directories:
        try:
            directory.rmdir()
        except OSError:
            continue  # not empty, or gone already


def promised_until(
    end_time: datetime, classes: Sequence[RetentionClass], rules: RetentionRules
) -> tuple[datetime, RetentionClass]:
    """The longest promise among several classes, and the class that makes it."""
    promises = [(keep_until(end_time, each, rules), each) for each in classes]
    return max(promises, key=lambda promise: promise[0])
