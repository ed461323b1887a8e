"""Recordings with a stated end: what a superior keeps of a subordinate's camera for an emergency.

They are wishes like any other: the recorder records a channel while one of them is in force, through every
loss and restart. What is recorded for them alone has the short life of its class.

Source: R-4.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
from catalog.keyset import DEFAULT_LIMIT, Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import ChannelKey, RetentionClass
from storage.clock import Clock
from storage.errors import TemporaryNotFound, TemporaryRefused
from storage.promise import RetentionRules, keep_until
from storage.settings import StorageSettings
from storage.tables import temporary_recordings

ID_BYTES: Final = 12


class EndedWhy(StrEnum):
    """Why a temporary recording is no longer in force."""

    OVER = "over"  # its end came
    STOPPED = "stopped"  # somebody ended it before


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryRecording:
    """One wish to record a channel until a stated time."""

    recording_id: str
    key: ChannelKey
    requested_by: str
    reason: str
    retention_class: RetentionClass
    start_time: datetime
    end_time: datetime
    ended_time: datetime | None = None
    ended_why: EndedWhy | None = None

    @property
    def is_in_force(self) -> bool:
        return self.ended_time is None


class TemporaryStore:
    """The table of temporary recordings; one function per query."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def load_in_force(self) -> list[TemporaryRecording]:
        table = temporary_recordings
        query = select(table).where(table.c.ended_time.is_(None)).order_by(table.c.recording_id)
        async with self._reading.connect() as connection:
            return [_recording(row) for row in (await connection.execute(query)).mappings()]

    async def get(self, recording_id: str) -> TemporaryRecording | None:
        query = select(temporary_recordings).where(temporary_recordings.c.recording_id == recording_id)
        async with self._reading.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _recording(row)

    async def page(
        self,
        key: ChannelKey | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
        *,
        in_force: bool = False,
    ) -> Page[TemporaryRecording]:
        """The newest first."""
        table, limit = temporary_recordings, clamp_limit(limit)
        query = select(table).order_by(table.c.recording_id.desc()).limit(limit + 1)
        if key is not None:
            query = query.where(table.c.device_id == key.device_id, table.c.channel_id == key.channel_id)
        if in_force:
            query = query.where(table.c.ended_time.is_(None))
        if cursor is not None:
            (after,) = decode_cursor(cursor, (str,))
            query = query.where(table.c.recording_id < after)
        async with self._reading.connect() as connection:
            found = [_recording(row) for row in (await connection.execute(query)).mappings()]
        return page_of(found, limit, [encode_cursor(each.recording_id) for each in found])

    async def add(self, recording: TemporaryRecording) -> None:
        values = {
            "recording_id": recording.recording_id,
            "device_id": recording.key.device_id,
            "channel_id": recording.key.channel_id,
            "requested_by": recording.requested_by,
            "reason": recording.reason,
            "retention_class": recording.retention_class.value,
            "start_time": recording.start_time,
            "end_time": recording.end_time,
        }
        async with self._writing.begin() as connection:
            await connection.execute(insert(temporary_recordings).values(**values))

    async def set_end(self, recording: TemporaryRecording) -> None:
        """Write down when it is to be over, or since when and why it is."""
        table = temporary_recordings
        why = recording.ended_why
        statement = (
            update(table)
            .where(table.c.recording_id == recording.recording_id)
            .values(
                end_time=recording.end_time,
                ended_time=recording.ended_time,
                ended_why="" if why is None else why.value,
            )
        )
        async with self._writing.begin() as connection:
            await connection.execute(statement)


class TemporaryRecordings:
    """Those in force, by channel. Nothing counts before it is written down."""

    def __init__(
        self, settings: StorageSettings, store: TemporaryStore, rules: RetentionRules, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._rules = rules
        self._clock = clock
        self._in_force: dict[str, TemporaryRecording] = {}

    async def open(self) -> None:
        """Take up what is not over; the recorder asks for the rest to be ended."""
        self._in_force = {each.recording_id: each for each in await self._store.load_in_force()}

    @property
    def store(self) -> TemporaryStore:
        """For those who only look."""
        return self._store

    def keys(self) -> Collection[ChannelKey]:
        """The channels that are to be recorded now."""
        return {each.key for each in self._in_force.values()}

    def retention_class(self, key: ChannelKey) -> RetentionClass | None:
        """The one that is kept longest of those that are in force for a channel."""
        classes = [each.retention_class for each in self._in_force.values() if each.key == key]
        return self.longest(classes) if classes else None

    def longest(self, classes: Collection[RetentionClass]) -> RetentionClass:
        now = self._clock.wall()
        return max(classes, key=lambda each: keep_until(now, each, self._rules))

    async def get(self, recording_id: str) -> TemporaryRecording:
        """Raises TemporaryNotFound."""
        found = self._in_force.get(recording_id) or await self._store.get(recording_id)
        if found is None:
            raise TemporaryNotFound(recording_id)
        return found

    async def add(
        self,
        key: ChannelKey,
        end_time: datetime,
        *,
        requested_by: str,
        reason: str,
        retention_class: RetentionClass = RetentionClass.TEMPORARY,
    ) -> TemporaryRecording:
        """Record from now on until ``end_time``.

        Raises:
            TemporaryRefused: it is over already, too long, or too many are in force.
        """
        now = self._clock.wall()
        self._check_end(now, now, end_time)
        if len(self._in_force) >= self._settings.temporary_max:
            raise TemporaryRefused(
                f"{self._settings.temporary_max} temporary recordings are in force (storage.temporary_max)"
            )
        recording = TemporaryRecording(
            recording_id=f"{int(now.timestamp()):x}-{secrets.token_hex(ID_BYTES)}"[:32],
            key=key,
            requested_by=requested_by,
            reason=reason,
            retention_class=retention_class,
            start_time=now,
            end_time=end_time,
        )
        await self._store.add(recording)
        self._in_force[recording.recording_id] = recording
        return recording

    async def change_end(self, recording_id: str, end_time: datetime) -> TemporaryRecording:
        """Let it last longer, or less long.

        Raises:
            TemporaryNotFound
            TemporaryRefused: it is over, would be over, or would last too long.
        """
        recording = await self.get(recording_id)
        if not recording.is_in_force:
            raise TemporaryRefused(f"temporary recording {recording_id} is over")
        self._check_end(self._clock.wall(), recording.start_time, end_time)
        changed = replace(recording, end_time=end_time)
        await self._store.set_end(changed)
        if recording_id in self._in_force:
            self._in_force[recording_id] = changed
        return changed

    async def stop(self, recording_id: str) -> TemporaryRecording:
        """End it now; one that is over stays as it is.

        Raises:
            TemporaryNotFound
        """
        recording = await self.get(recording_id)
        return await self._end(recording, EndedWhy.STOPPED) if recording.is_in_force else recording

    async def expire(self) -> None:
        """End those whose time has come."""
        now = self._clock.wall()
        for recording in [each for each in self._in_force.values() if each.end_time <= now]:
            await self._end(recording, EndedWhy.OVER)

    # ---------------------------------------------------------------- inside

    async def _end(self, recording: TemporaryRecording, why: EndedWhy) -> TemporaryRecording:
        now = self._clock.wall()
        ended = replace(recording, ended_time=min(now, recording.end_time), ended_why=why)
        await self._store.set_end(ended)
        self._in_force.pop(recording.recording_id, None)
        return ended

    def _check_end(self, now: datetime, start_time: datetime, end_time: datetime) -> None:
        longest = timedelta(hours=self._settings.temporary_hours_max)
        if end_time <= now:
            raise TemporaryRefused(f"{end_time.isoformat()} is past")
        if end_time - start_time > longest:
            raise TemporaryRefused(
                f"longer than {self._settings.temporary_hours_max:g} hours (storage.temporary_hours_max)"
            )


def _recording(row: RowMapping) -> TemporaryRecording:
    return TemporaryRecording(
        recording_id=row["recording_id"],
        key=ChannelKey(row["device_id"], row["channel_id"]),
        requested_by=row["requested_by"],
        reason=row["reason"],
        retention_class=RetentionClass(row["retention_class"]),
        start_time=row["start_time"],
        end_time=row["end_time"],
        ended_time=row["ended_time"],
        ended_why=EndedWhy(row["ended_why"]) if row["ended_why"] else None,
    )
