"""The index of recordings: which stretch of which channel lies in which file."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, Select, and_, bindparam, case, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from catalog.columns import chunks, for_writing, from_us, to_us, upsert
from catalog.keyset import DEFAULT_LIMIT, Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import ChannelKey, RetentionClass
from storage.model import FINISHED, ON_DISK, Segment, SegmentState
from storage.tables import segments

COLUMNS: Final = tuple(field.name for field in fields(Segment))

FIXED: Final = frozenset(
    {"segment_id", "recorder_id", "device_id", "channel_id", "path", "keep_until", "retention_class"}
)
"""Columns that a later state of the same segment never changes; the last two have a rule of their own."""


LONGEST_SEGMENT: Final = timedelta(days=1)
"""Far beyond ``segment_s`` (at most an hour) and any wait for a key frame."""


class SegmentIndex:
    """The segments table; one function per query."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    # ------------------------------------------------------------------ for the API

    async def list_segments(
        self,
        key: ChannelKey,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page[Segment]:
        """Segments of a channel that overlap ``[start, end)`` and are on disk, the oldest first."""
        limit = clamp_limit(limit)
        order = (segments.c.start_time, segments.c.segment_id)
        query = (
            select(segments).where(*_of_channel(key), _in_states(ON_DISK)).order_by(*order).limit(limit + 1)
        )
        if start is not None:
            # The second bound lets the index skip the past: no segment is longer than that.
            query = query.where(segments.c.end_time > start, segments.c.start_time > start - LONGEST_SEGMENT)
        if end is not None:
            query = query.where(segments.c.start_time < end)
        if cursor is not None:
            after_us, after_id = decode_cursor(cursor, (int, str))
            query = query.where(_after(from_us(int(after_us)), str(after_id)))
        found = [segment_from(row) for row in await self._rows(query)]
        cursors = [encode_cursor(to_us(segment.start_time), segment.segment_id) for segment in found]
        return page_of(found, limit, cursors)

    async def between(self, key: ChannelKey, start: datetime, end: datetime, limit: int) -> list[Segment]:
        """All segments of a channel that overlap ``[start, end)`` and are on disk, the oldest first."""
        query = (
            select(segments)
            .where(
                *_of_channel(key),
                _in_states(ON_DISK),
                segments.c.end_time > start,
                segments.c.start_time > start - LONGEST_SEGMENT,
                segments.c.start_time < end,
            )
            .order_by(segments.c.start_time, segments.c.segment_id)
            .limit(limit)
        )
        return [segment_from(row) for row in await self._rows(query)]

    async def get_segment(self, segment_id: str) -> Segment | None:
        """The segment, whatever became of it, or None when nobody knows it."""
        rows = await self._rows(select(segments).where(segments.c.segment_id == segment_id))
        return segment_from(rows[0]) if rows else None

    async def oldest(self, keys: Collection[ChannelKey] | None = None) -> dict[ChannelKey, datetime]:
        """The start of the oldest footage on disk, per channel (R-16)."""
        return await self._per_channel(func.min(segments.c.start_time), keys)

    async def newest_end(self, keys: Collection[ChannelKey] | None = None) -> dict[ChannelKey, datetime]:
        """The end of the newest footage, per channel: where a gap began."""
        return await self._per_channel(func.max(segments.c.end_time), keys)

    async def channels_of(self, device_id: str) -> set[str]:
        """Channels of a device of which there is footage on disk."""
        query = select(segments.c.channel_id).where(segments.c.device_id == device_id, _in_states(ON_DISK))
        return {row["channel_id"] for row in await self._rows(query.distinct())}

    async def totals(self) -> tuple[int, int]:
        """Segments on disk, and their bytes."""
        query = select(func.count(), func.coalesce(func.sum(segments.c.size_bytes), 0)).where(
            _in_states(ON_DISK)
        )
        async with self._reading.connect() as connection:
            count, size_bytes = (await connection.execute(query)).one()
        return int(count), int(size_bytes)

    # ------------------------------------------------------------------ for the recorder

    async def save(self, changed: Sequence[Segment]) -> None:
        """Add segments or bring them up to date, in one transaction.

        A promise is only ever raised: the later ``keep_until`` wins, and its class with it. A
        segment that was deleted stays deleted, whatever a late fact says.
        """
        if not changed:
            return
        statement = self._save_statement()
        async with self._writing.begin() as connection:
            await connection.execute(statement, [segment_values(segment) for segment in changed])

    # ------------------------------------------------------------------ for recovery and check

    async def open_segments(self) -> list[Segment]:
        """Rows that say a file is being written."""
        return [
            segment_from(row)
            for row in await self._rows(select(segments).where(_in_states({SegmentState.OPEN})))
        ]

    async def walk(
        self, states: Collection[SegmentState], after: str = "", limit: int = 1000
    ) -> list[Segment]:
        """The next segments in the order of their ids; start with ``after=""``, stop at an empty list."""
        query = (
            select(segments)
            .where(segments.c.segment_id > after, _in_states(states))
            .order_by(segments.c.segment_id)
            .limit(limit)
        )
        return [segment_from(row) for row in await self._rows(query)]

    async def known(self, segment_ids: Iterable[str]) -> set[str]:
        """Those of the ids that have a row."""
        found: set[str] = set()
        for chunk in chunks(segment_ids):
            query = select(segments.c.segment_id).where(segments.c.segment_id.in_(chunk))
            found.update(row["segment_id"] for row in await self._rows(query))
        return found

    async def set_state(self, segment_ids: Sequence[str], state: SegmentState) -> None:
        """Mark segments that are on disk or missing; deleted ones stay deleted."""
        if not segment_ids:
            return
        statement = (
            update(segments)
            .where(segments.c.segment_id == bindparam("key"), segments.c.state != SegmentState.DELETED.value)
            .values(state=state.value)
        )
        async with self._writing.begin() as connection:
            await connection.execute(statement, [{"key": segment_id} for segment_id in segment_ids])

    # ------------------------------------------------------------------ for retention

    async def expired(
        self, state: SegmentState, now: datetime, limit: int, after: Segment | None = None
    ) -> list[Segment]:
        """Segments of one state whose promise has run out, the oldest promise first.

        Args:
            state: one at a time, so that the index on state and promise gives the order.
            after: the last segment of the batch before, which may still be there because its file
                could not be deleted.
        """
        query = (
            select(segments)
            .where(segments.c.state == state.value, segments.c.keep_until <= now)
            .order_by(segments.c.keep_until, segments.c.segment_id)
            .limit(limit)
        )
        if after is not None and after.keep_until is not None:
            same = and_(segments.c.keep_until == after.keep_until, segments.c.segment_id > after.segment_id)
            query = query.where(or_(segments.c.keep_until > after.keep_until, same))
        return [segment_from(row) for row in await self._rows(query)]

    async def forget_deleted(self, before: datetime, limit: int) -> int:
        """Drop rows of deleted segments whose promise ran out before ``before``: the ledger has them."""
        oldest = (
            select(segments.c.segment_id)
            .where(segments.c.state == SegmentState.DELETED.value, segments.c.keep_until < before)
            .limit(limit)
        )
        async with self._writing.begin() as connection:
            found = (await connection.execute(oldest)).scalars().all()
            for chunk in chunks(found):
                await connection.execute(delete(segments).where(segments.c.segment_id.in_(chunk)))
        return len(found)

    async def finished_of(self, key: ChannelKey, after: str, limit: int) -> list[Segment]:
        """Segments of a channel that carry a promise, in the order of their ids."""
        query = (
            select(segments)
            .where(
                *_of_channel(key),
                _in_states({*FINISHED, SegmentState.MISSING}),
                segments.c.segment_id > after,
            )
            .order_by(segments.c.segment_id)
            .limit(limit)
        )
        return [segment_from(row) for row in await self._rows(query)]

    async def raise_promises(self, raised: Sequence[Segment]) -> None:
        """Store later ``keep_until``; an earlier one is ignored."""
        if not raised:
            return
        statement = (
            update(segments)
            .where(
                segments.c.segment_id == bindparam("key"),
                or_(segments.c.keep_until.is_(None), segments.c.keep_until < bindparam("until", type_=_TIME)),
            )
            .values(keep_until=bindparam("until", type_=_TIME), retention_class=bindparam("class_name"))
        )
        values = [
            {
                "key": segment.segment_id,
                "until": segment.keep_until,
                "class_name": segment.retention_class.value,
            }
            for segment in raised
        ]
        async with self._writing.begin() as connection:
            await connection.execute(statement, values)

    # ------------------------------------------------------------------ inside

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with self._reading.connect() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows

    async def _per_channel(
        self, what: Any, keys: Collection[ChannelKey] | None
    ) -> dict[ChannelKey, datetime]:
        columns = (segments.c.device_id, segments.c.channel_id)
        query = select(*columns, what.label("instant")).where(_in_states(ON_DISK)).group_by(*columns)
        queries = (
            [query] if keys is None else [query.where(tuple_(*columns).in_(chunk)) for chunk in chunks(keys)]
        )
        return {
            ChannelKey(row["device_id"], row["channel_id"]): row["instant"]
            for each in queries
            for row in await self._rows(each)
        }

    def _save_statement(self) -> Any:
        return upsert(
            self._dialect,
            segments,
            key=["segment_id"],
            update=[name for name in COLUMNS if name not in FIXED],
            merged=_longest_promise,
            where=segments.c.state != SegmentState.DELETED.value,
        )


async def mark_deleted(connection: AsyncConnection, segment_ids: Sequence[str], now: datetime) -> None:
    """Mark rows in the caller's transaction, the one that also writes the ledger."""
    statement = (
        update(segments)
        .where(segments.c.segment_id == bindparam("key"))
        .values(state=SegmentState.DELETED.value, deleted_time=bindparam("deleted", type_=_TIME))
    )
    await connection.execute(statement, [{"key": segment_id, "deleted": now} for segment_id in segment_ids])


def segment_from(row: RowMapping) -> Segment:
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    values["state"] = SegmentState(values["state"])
    values["retention_class"] = RetentionClass(values["retention_class"])
    return Segment(**values)


def segment_values(segment: Segment) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(segment, name) for name in COLUMNS}
    values["state"] = segment.state.value
    values["retention_class"] = segment.retention_class.value
    return values


_TIME: Final = segments.c.start_time.type


def _longest_promise(new: Any) -> dict[str, Any]:
    """The later promise wins, with the class that made it."""
    old = segments.c
    longer = and_(new.keep_until.is_not(None), or_(old.keep_until.is_(None), new.keep_until > old.keep_until))
    return {name: case((longer, new[name]), else_=old[name]) for name in ("keep_until", "retention_class")}


def _of_channel(key: ChannelKey) -> tuple[Any, Any]:
    return segments.c.device_id == key.device_id, segments.c.channel_id == key.channel_id


def _in_states(states: Collection[SegmentState]) -> Any:
    return segments.c.state.in_(sorted(state.value for state in states))


def _after(start_time: datetime, segment_id: str) -> Any:
    same_start = and_(segments.c.start_time == start_time, segments.c.segment_id > segment_id)
    return or_(segments.c.start_time > start_time, same_start)
