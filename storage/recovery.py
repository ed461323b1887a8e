"""After a crash: the index and the disk are brought together again.

Three steps. ``recover_open``: files of a former run that were never closed. ``reindex``: files
without a row, from the metadata that each carries. ``audit``: rows without a file. Nothing is
deleted here except files that hold no picture at all.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from catalog.columns import chunks
from catalog.model import RetentionClass
from storage.clock import Clock, SystemClock
from storage.errors import SegmentUnreadable, StorageViolation
from storage.events import EventSink, SegmentsMissing, ignore
from storage.files import SEGMENTS, SUFFIX, relative_path, segment_file
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.metadata import parse_user_boxes
from storage.model import FINISHED, DeletionReason, Segment, SegmentState
from storage.ports import ChannelPolicy
from storage.promise import RetentionRules, keep_until
from storage.retention import TEMPORARY_OF_ORDINARY, delete_files, promised_until, rules_of
from storage.segment import SegmentFile, recover
from storage.settings import StorageSettings
from storage.stats import StorageStats

log = logging.getLogger(__name__)

MAX_REINDEXED: Final = 200_000
"""Files taken up in one start; more wait for the next one."""

AUDIT_ROWS: Final = 1000
AUDIT_PAUSE_S: Final = 0.05
"""The audit of a large store takes minutes; it must not take the disk from the recordings."""

MAX_MISSING: Final = 100_000
"""Rows remembered as missing in one audit."""

MISSING_SHARE: Final = 0.5
MISSING_FEW: Final = 20
"""More missing than this, and more than this share: the disk is not mounted, so nothing is marked."""

HEADER_BYTES: Final = 1 << 20
"""A file without a readable header and smaller than this never held a whole picture."""

CLOCK_MARGIN: Final = timedelta(minutes=10)


@dataclass(slots=True)
class RecoveryResult:
    """What was found."""

    recovered: int = 0
    empty: int = 0
    missing: int = 0
    unreadable: int = 0
    reindexed: int = 0
    foreign: int = 0
    capped: bool = False


class Recovery:
    """Runs before the recorder opens; the audit runs beside it."""

    def __init__(
        self,
        settings: StorageSettings,
        index: SegmentIndex,
        ledger: DeletionLedger,
        policy: ChannelPolicy,
        *,
        clock: Clock | None = None,
        stats: StorageStats | None = None,
        on_event: EventSink = ignore,
    ) -> None:
        self._root = settings.path
        self._index = index
        self._ledger = ledger
        self._policy = policy
        self._rules = rules_of(settings)
        self._clock = clock or SystemClock()
        self._stats = stats or StorageStats()
        self._on_event = on_event

    # ------------------------------------------------------------------ open rows

    async def recover_open(self) -> RecoveryResult:
        """Close the segments that a former run left open: cut torn tails, note true ends."""
        result = RecoveryResult()
        left = await self._index.open_segments()
        classes = await self._policy.retention_classes({segment.key for segment in left})
        for chunk in chunks(left):
            finished, empty = [], []
            for segment in chunk:
                now_class = classes.get(segment.key, RetentionClass.ORDINARY)
                closed = await asyncio.to_thread(self._read_back, segment, result)
                if closed is None:
                    empty.append(segment)
                else:
                    until, promised = promised_until(
                        closed.end_time, _classes(closed.retention_class, now_class), self._rules
                    )
                    finished.append(replace(closed, keep_until=until, retention_class=promised))
            await self._index.save(finished)
            gone, _, _ = await asyncio.to_thread(delete_files, self._root, empty)
            await self._ledger.record(gone, self._clock.wall(), DeletionReason.EMPTY)
        self._stats.segments_recovered += result.recovered
        self._stats.segments_missing += result.missing
        if left:
            log.info(
                "recovered %d of %d open segments (%d empty, %d missing)",
                result.recovered,
                len(left),
                result.empty,
                result.missing,
            )
        return result

    def _read_back(self, segment: Segment, result: RecoveryResult) -> Segment | None:
        """The segment as its file says, or None when it holds no picture; in a thread."""
        file = segment_file(self._root, segment.path)
        try:
            found = recover(file)
        except FileNotFoundError:
            result.missing += 1
            return replace(segment, state=SegmentState.MISSING, reason="missing after a crash")
        except (SegmentUnreadable, OSError) as error:
            if _never_held_a_picture(file, segment):
                result.empty += 1
                return None
            result.unreadable += 1
            log.error("segment %s cannot be read and is kept as it is: %s", segment.segment_id, error)
            return replace(segment, state=SegmentState.RECOVERED, reason=f"unreadable: {error}"[:500])
        if not found.has_pictures:
            result.empty += 1
            return None
        result.recovered += 1
        return _described(segment, found)

    # ------------------------------------------------------------------ files without a row

    async def reindex(
        self, since: datetime | None, *, cap: int = MAX_REINDEXED, skip: Collection[str] = ()
    ) -> RecoveryResult:
        """Take up files that have no row.

        Args:
            since: look only into runs that changed since; None looks into all, which rebuilds a
                lost index.
            cap: take up no more than so many.
            skip: recorder runs that are writing now.
        """
        result = RecoveryResult()
        for directory in await asyncio.to_thread(lambda: list(_runs(self._root, since))):
            if directory.name not in skip and not result.capped:
                await self._reindex_run(directory, since is not None, cap, result)
        self._stats.segments_reindexed += result.reindexed
        if result.reindexed or result.foreign:
            log.warning(
                "%d files without a row were indexed, %d are not ours and were left alone%s",
                result.reindexed,
                result.foreign,
                "; more wait for the next start" if result.capped else "",
            )
        return result

    async def _reindex_run(
        self, directory: Path, newest_only: bool, cap: int, result: RecoveryResult
    ) -> None:
        """Names count up, so the newest files are the ones that may lack a row."""
        files = await asyncio.to_thread(lambda: sorted(directory.glob(f"*{SUFFIX}"), reverse=True))
        for chunk in chunks(files):
            known = await self._index.known(file.stem for file in chunk)
            unknown = [file for file in chunk if file.stem not in known]
            room = cap - result.reindexed
            result.capped = result.capped or len(unknown) > room
            rows = await asyncio.to_thread(self._rows_of, unknown[: max(room, 0)], result)
            await self._index.save(rows)
            result.reindexed += len(rows)
            if result.capped or (newest_only and len(known) == len(chunk)):
                return

    def _rows_of(self, files: list[Path], result: RecoveryResult) -> list[Segment]:
        rows = []
        for file in files:
            try:
                rows.append(segment_from_file(self._root, file, self._rules))
            except (SegmentUnreadable, StorageViolation, OSError) as error:
                result.foreign += 1
                log.warning("%s is left alone: %s", file.name, error)
        return rows

    # ------------------------------------------------------------------ rows without a file

    async def audit(self) -> RecoveryResult:
        """Mark rows whose file is gone, and take back the mark of files that came back."""
        result = RecoveryResult()
        gone, total, after = [], 0, ""
        while batch := await self._index.walk(FINISHED, after, AUDIT_ROWS):
            after, total = batch[-1].segment_id, total + len(batch)
            gone += await asyncio.to_thread(self._absent, batch)
            if len(gone) >= MAX_MISSING:
                break
            if len(batch) == AUDIT_ROWS:
                await self._clock.sleep(AUDIT_PAUSE_S)
        result.missing = len(gone)
        if gone:
            await self._mark(gone, total)
        await self._welcome_back()
        return result

    async def _mark(self, gone: list[str], total: int) -> None:
        marked = len(gone) <= MISSING_FEW or len(gone) <= total * MISSING_SHARE
        if marked:
            await self._index.set_state(gone, SegmentState.MISSING)
            self._stats.segments_missing += len(gone)
        log.error(
            "%d of %d recordings are not on the disk%s",
            len(gone),
            total,
            "" if marked else ": is the recording disk mounted? Nothing was marked",
        )
        self._on_event(SegmentsMissing(len(gone), total, marked))

    async def _welcome_back(self) -> None:
        after = ""
        while batch := await self._index.walk({SegmentState.MISSING}, after):
            after = batch[-1].segment_id
            absent = set(await asyncio.to_thread(self._absent, batch))
            back = [segment.segment_id for segment in batch if segment.segment_id not in absent]
            await self._index.set_state(back, SegmentState.RECOVERED)

    def _absent(self, batch: list[Segment]) -> list[str]:
        return [
            segment.segment_id for segment in batch if not segment_file(self._root, segment.path).exists()
        ]


def segment_from_file(root: Path, file: Path, rules: RetentionRules) -> Segment:
    """The row of a file, from the file alone; its torn tail is cut.

    Raises:
        SegmentUnreadable: it is not a segment of ours, or holds no picture.
    """
    found = recover(file)
    if not found.has_pictures:
        raise SegmentUnreadable("no whole picture", found.whole_bytes)
    start_time, metadata = parse_user_boxes(found.user_boxes)
    end_time = start_time + timedelta(seconds=found.duration_s)
    return _described(
        Segment(
            segment_id=file.stem,
            recorder_id=metadata.recorder_id,
            device_id=metadata.device_id,
            channel_id=metadata.channel_id,
            path=relative_path(root, file),
            start_time=start_time,
            end_time=end_time,
            retention_class=metadata.retention_class,
            keep_until=keep_until(end_time, metadata.retention_class, rules),
        ),
        found,
    )


def _described(segment: Segment, found: SegmentFile) -> Segment:
    return replace(
        segment,
        state=SegmentState.RECOVERED,
        end_time=segment.start_time + timedelta(seconds=found.duration_s),
        size_bytes=found.whole_bytes,
        video_codec=found.video_codec,
        audio_codec=found.audio_codec,
        width=found.width,
        height=found.height,
        reason="recovered after a crash",
    )


def _never_held_a_picture(file: Path, segment: Segment) -> bool:
    try:
        return segment.size_bytes == 0 and file.stat().st_size < HEADER_BYTES
    except OSError:
        return False


def _runs(root: Path, since: datetime | None) -> Iterator[Path]:
    """Directories of recorder runs; a directory changes when a file is begun in it."""
    oldest = None if since is None else (since - CLOCK_MARGIN).timestamp()
    for directory in sorted((root / SEGMENTS).glob("*/*")):
        if directory.is_dir() and (oldest is None or directory.stat().st_mtime >= oldest):
            yield directory


def _classes(recorded_as: RetentionClass, now_class: RetentionClass) -> list[RetentionClass]:
    """What was recorded with a stated end is not kept longer because its camera is an ordinary one."""
    is_temporary = (recorded_as, now_class) == TEMPORARY_OF_ORDINARY
    return [recorded_as] if is_temporary else [recorded_as, now_class]
