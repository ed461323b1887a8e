"""Keeps positions: one named function per query, and a twin in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing, from_us, to_us, upsert
from catalog.errors import BadCursor
from catalog.keyset import Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import ChannelKey
from sipserver.devices.positions.model import StoredPosition
from sipserver.devices.positions.tables import latest_positions, positions

COLUMNS: Final = tuple(field.name for field in fields(StoredPosition))
PRUNE_ROWS: Final = 5_000
"""Rows that one transaction takes away: others wait for it."""


class PositionStore(Protocol):
    """Where positions are kept."""

    async def load_latest(self, limit: int) -> list[StoredPosition]: ...
    async def save(self, track: Sequence[StoredPosition], latest: Sequence[StoredPosition]) -> None: ...
    async def track(
        self,
        key: ChannelKey,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = 200,
    ) -> Page[StoredPosition]: ...
    async def prune(self, before: datetime) -> int: ...
    async def forget(self, device_id: str) -> None: ...


class SqlPositionStore:
    """The tables ``positions`` and ``latest_positions``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    async def load_latest(self, limit: int) -> list[StoredPosition]:
        """The newest position of each object, the most recently heard ones first."""
        query = select(latest_positions).order_by(latest_positions.c.received_time.desc()).limit(limit)
        async with self._reading.connect() as connection:
            return [_position(row) for row in (await connection.execute(query)).mappings()]

    async def save(self, track: Sequence[StoredPosition], latest: Sequence[StoredPosition]) -> None:
        """Many positions in one transaction. One that is there already is the same one, sent twice."""
        adding = upsert(self._dialect, positions, key=["device_id", "object_id", "time"], update=[])
        keys = ["device_id", "object_id"]
        replacing = upsert(
            self._dialect,
            latest_positions,
            key=keys,
            update=[name for name in COLUMNS if name not in keys],
        )
        async with self._writing.begin() as connection:
            for chunk in chunks(track):
                await connection.execute(adding, [asdict(position) for position in chunk])
            for chunk in chunks(latest):
                await connection.execute(replacing, [asdict(position) for position in chunk])

    async def track(
        self,
        key: ChannelKey,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = 200,
    ) -> Page[StoredPosition]:
        """Where an object was, in the order of its own clock; ``start`` counts, ``end`` does not.

        Raises:
            BadCursor: not a cursor of this list.
        """
        limit = clamp_limit(limit)
        table = positions.c
        query = select(positions).where(table.device_id == key.device_id, table.object_id == key.channel_id)
        if start is not None:
            query = query.where(table.time >= start)
        if end is not None:
            query = query.where(table.time < end)
        if cursor is not None:
            query = query.where(table.time > _moment(cursor))
        async with self._reading.connect() as connection:
            rows = (await connection.execute(query.order_by(table.time).limit(limit + 1))).mappings().all()
        return _page([_position(row) for row in rows], limit)

    async def prune(self, before: datetime) -> int:
        """Take away what was received before; the newest of each object stays in its own table."""
        moment = positions.c.received_time
        after_a_few = select(moment).where(moment < before).order_by(moment).offset(PRUNE_ROWS).limit(1)
        removed = 0
        while True:
            async with self._writing.begin() as connection:
                cut = (await connection.execute(after_a_few)).scalar_one_or_none()
                old = moment < before if cut is None else moment <= cut
                removed += (await connection.execute(delete(positions).where(old))).rowcount
            if cut is None:
                return removed

    async def forget(self, device_id: str) -> None:
        """The newest positions that a device reported go; its tracks stay until their time is over."""
        async with self._writing.begin() as connection:
            await connection.execute(
                delete(latest_positions).where(latest_positions.c.device_id == device_id)
            )


class MemoryPositionStore:
    """The twin without a database, bounded."""

    def __init__(self, rows_max: int = 100_000) -> None:
        self._rows_max = rows_max
        self._track: dict[tuple[str, str, datetime], StoredPosition] = {}
        self._latest: dict[ChannelKey, StoredPosition] = {}

    async def load_latest(self, limit: int) -> list[StoredPosition]:
        newest = sorted(self._latest.values(), key=lambda each: each.received_time, reverse=True)
        return newest[:limit]

    async def save(self, track: Sequence[StoredPosition], latest: Sequence[StoredPosition]) -> None:
        for position in track:
            self._track.setdefault((*position.key, position.time), position)
        while len(self._track) > self._rows_max:
            del self._track[next(iter(self._track))]
        self._latest.update({position.key: position for position in latest})

    async def track(
        self,
        key: ChannelKey,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = 200,
    ) -> Page[StoredPosition]:
        after = None if cursor is None else _moment(cursor)
        found = [
            position
            for position in sorted(self._track.values(), key=lambda each: each.time)
            if position.key == key
            and (start is None or position.time >= start)
            and (end is None or position.time < end)
            and (after is None or position.time > after)
        ]
        return _page(found[: clamp_limit(limit) + 1], clamp_limit(limit))

    async def prune(self, before: datetime) -> int:
        old = [key for key, position in self._track.items() if position.received_time < before]
        for key in old:
            del self._track[key]
        return len(old)

    async def forget(self, device_id: str) -> None:
        for key in [key for key in self._latest if key.device_id == device_id]:
            del self._latest[key]


def _position(row: RowMapping) -> StoredPosition:
    return StoredPosition(**{name: row[name] for name in COLUMNS})


def _page(found: list[StoredPosition], limit: int) -> Page[StoredPosition]:
    return page_of(found, limit, [encode_cursor(to_us(position.time)) for position in found])


def _moment(cursor: str) -> datetime:
    (microseconds,) = decode_cursor(cursor, (int,))
    try:
        return from_us(int(microseconds))
    except OverflowError:
        raise BadCursor(cursor) from None
