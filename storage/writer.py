"""From the facts of the data plane to rows of the index, written in batches.

Owns the segments that are being written. One statement stores whatever changed since the last
flush; a flush that fails keeps its rows for the next one.
"""

import logging
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.model import ChannelKey, RetentionClass
from media.facts import SegmentClosed, SegmentGrown, SegmentOpened, StreamInfo
from storage.files import relative_path
from storage.model import Segment, SegmentState
from storage.ports import Footage
from storage.promise import RetentionRules
from storage.retention import promised_until
from storage.stats import StorageStats

log = logging.getLogger(__name__)

MAX_WAITING: Final = 50_000
"""Rows kept while the database does not answer; beyond it files are found again by their metadata."""


class SegmentWriter:
    """The only writer of segments that are being recorded."""

    def __init__(self, root: Path, index: Footage, rules: RetentionRules, stats: StorageStats) -> None:
        self._root = root
        self._index = index
        self._rules = rules
        self._stats = stats
        self._open: dict[str, Segment] = {}
        self._waiting: dict[str, Segment] = {}

    @property
    def waiting(self) -> int:
        """Rows that the next flush will store."""
        return len(self._waiting)

    def open_of(self, recorder_id: str) -> list[Segment]:
        """Segments that a recorder run has not closed yet."""
        return [segment for segment in self._open.values() if segment.recorder_id == recorder_id]

    def opened(
        self, key: ChannelKey, retention_class: RetentionClass, fact: SegmentOpened, info: StreamInfo
    ) -> None:
        """A new file was begun. ``info`` is what the stream carried when the recorder was attached."""
        segment = Segment(
            segment_id=fact.segment_id,
            recorder_id=fact.recorder_id,
            device_id=key.device_id,
            channel_id=key.channel_id,
            path=relative_path(self._root, fact.path),
            start_time=fact.start_time,
            end_time=fact.start_time,
            video_codec=info.codec,
            audio_codec=info.audio.codec if info.audio else "",
            width=info.width,
            height=info.height,
            retention_class=retention_class,
        )
        self._stats.segments_opened += 1
        self._stats.segments += 1
        self._change(segment)

    def grown(self, fact: SegmentGrown) -> None:
        """More whole fragments are on disk."""
        segment = self._open.get(fact.segment_id)
        if segment is None:
            return
        self._stats.size_bytes += fact.size_bytes - segment.size_bytes
        end_time = max(segment.start_time, fact.end_time)
        self._change(replace(segment, size_bytes=fact.size_bytes, end_time=end_time))

    def closed(self, fact: SegmentClosed, retention_class: RetentionClass) -> None:
        """The file is complete. ``retention_class`` is the channel's class now."""
        segment = self._open.get(fact.segment_id)
        if segment is None:
            log.warning("segment %s was closed but never opened here", fact.segment_id)
            return
        self._stats.size_bytes += fact.size_bytes - segment.size_bytes
        changed = replace(
            segment,
            size_bytes=fact.size_bytes,
            end_time=max(segment.start_time, fact.end_time),
            first_pts_90k=fact.first_pts_90k,
            last_pts_90k=fact.last_pts_90k,
            video_codec=fact.video_codec,
            audio_codec=fact.audio_codec or "",
            width=fact.width,
            height=fact.height,
            reason=fact.reason,
        )
        self._finish(changed, SegmentState.CLOSED, retention_class)

    def recovered(self, segment: Segment, retention_class: RetentionClass) -> None:
        """A file whose last fact never came was read back instead."""
        before = self._open.get(segment.segment_id)
        if before is not None:
            self._stats.size_bytes += segment.size_bytes - before.size_bytes
            self._finish(segment, SegmentState.RECOVERED, retention_class)

    def forget(self, segment_id: str) -> None:
        """Leave an open segment to the recovery of the next start."""
        self._open.pop(segment_id, None)

    async def flush(self) -> None:
        """Store what changed; a failure is counted, logged, and tried again next time."""
        if not self._waiting:
            return
        batch, self._waiting = self._waiting, {}
        try:
            await self._index.save(list(batch.values()))
        except (SQLAlchemyError, OSError) as error:
            self._stats.index_failures += 1
            log.error("%d index rows could not be stored, will try again: %s", len(batch), error)
            self._waiting = self._bounded(batch | self._waiting)
        except BaseException:
            self._waiting = batch | self._waiting
            raise

    def last_end(self, recorder_id: str) -> datetime | None:
        """The end of what a run has on disk and not closed."""
        return max((segment.end_time for segment in self.open_of(recorder_id)), default=None)

    def _finish(self, segment: Segment, state: SegmentState, retention_class: RetentionClass) -> None:
        until, promised = promised_until(
            segment.end_time, [segment.retention_class, retention_class], self._rules
        )
        del self._open[segment.segment_id]
        self._waiting[segment.segment_id] = replace(
            segment, state=state, keep_until=until, retention_class=promised
        )
        self._stats.segments_closed += 1

    def _change(self, segment: Segment) -> None:
        self._open[segment.segment_id] = segment
        self._waiting[segment.segment_id] = segment

    def _bounded(self, rows: dict[str, Segment]) -> dict[str, Segment]:
        excess = len(rows) - MAX_WAITING
        if excess <= 0:
            return rows
        log.error("%d index rows dropped: their files will be found at the next start", excess)
        return dict(list(rows.items())[excess:])
