"""Keeps which cameras were told to move over a restart, so that they can be stopped then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import and_, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing
from catalog.model import ChannelKey
from sipserver.devices.ptz.tables import ptz_motions

MotionChanges = Mapping[ChannelKey, datetime | None]
"""Since when each camera moves; None: it was stopped."""


class MotionStore(Protocol):
    """Where movements are kept."""

    async def load(self) -> dict[ChannelKey, datetime]: ...
    async def save(self, changes: MotionChanges) -> None: ...


class SqlMotionStore:
    """The table ``ptz_motions``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def load(self) -> dict[ChannelKey, datetime]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(ptz_motions))).all()
        return {ChannelKey(row.device_id, row.channel_id): row.began_time for row in rows}

    async def save(self, changes: MotionChanges) -> None:
        """In one transaction."""
        table = ptz_motions.c
        rows = [
            {"device_id": key.device_id, "channel_id": key.channel_id, "began_time": began}
            for key, began in changes.items()
            if began is not None
        ]
        async with self._writing.begin() as connection:
            for some in chunks(list(changes)):
                each = [
                    and_(table.device_id == key.device_id, table.channel_id == key.channel_id) for key in some
                ]
                await connection.execute(delete(ptz_motions).where(or_(*each)))
            if rows:
                await connection.execute(insert(ptz_motions), rows)


class MemoryMotionStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self._motions: dict[ChannelKey, datetime] = {}

    async def load(self) -> dict[ChannelKey, datetime]:
        return dict(self._motions)

    async def save(self, changes: MotionChanges) -> None:
        for key, began in changes.items():
            if began is None:
                self._motions.pop(key, None)
            else:
                self._motions[key] = began
