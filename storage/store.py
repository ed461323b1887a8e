"""Small persisted facts of storage: what is to be recorded, classes applied, remembered clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing, from_us, to_us, upsert
from catalog.model import ChannelKey, RetentionClass
from storage.tables import promised_classes, recording_requests, storage_state


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """Somebody wants a channel recorded until told otherwise."""

    key: ChannelKey
    requested_by: str
    requested_time: datetime


class RequestStore:
    """Requests to record: the part of the desired state that operators decide."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    async def load(self) -> dict[ChannelKey, RecordingRequest]:
        """All requests in force."""
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(recording_requests))).mappings().all()
        requests = (
            RecordingRequest(
                ChannelKey(row["device_id"], row["channel_id"]), row["requested_by"], row["requested_time"]
            )
            for row in rows
        )
        return {request.key: request for request in requests}

    async def add(self, key: ChannelKey, requested_by: str, now: datetime) -> None:
        """Ask for recording; a second request leaves the first in place."""
        statement = upsert(self._dialect, recording_requests, key=["device_id", "channel_id"], update=[])
        row = {
            "device_id": key.device_id,
            "channel_id": key.channel_id,
            "requested_by": requested_by,
            "requested_time": now,
        }
        async with self._writing.begin() as connection:
            await connection.execute(statement, [row])

    async def remove(self, key: ChannelKey) -> None:
        """Take a request back; one that is not there is no error."""
        table = recording_requests.c
        statement = delete(recording_requests).where(
            table.device_id == key.device_id, table.channel_id == key.channel_id
        )
        async with self._writing.begin() as connection:
            await connection.execute(statement)


class StateStore:
    """Instants that must outlive the process, by name, and the retention classes last applied."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    async def get_time(self, name: str) -> datetime | None:
        """The remembered instant."""
        query = select(storage_state.c.value).where(storage_state.c.name == name)
        async with self._reading.connect() as connection:
            value = (await connection.execute(query)).scalar_one_or_none()
        return None if value is None else from_us(int(value))

    async def set_time(self, name: str, instant: datetime) -> None:
        """Remember an instant."""
        statement = upsert(self._dialect, storage_state, key=["name"], update=["value"])
        async with self._writing.begin() as connection:
            await connection.execute(statement, [{"name": name, "value": str(to_us(instant))}])

    async def clear(self, name: str) -> None:
        """Forget an instant; one that is not there is no error."""
        async with self._writing.begin() as connection:
            await connection.execute(delete(storage_state).where(storage_state.c.name == name))

    async def promised(self) -> dict[ChannelKey, RetentionClass]:
        """Classes that have been applied to the footage of their channels; ordinary when not listed."""
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(promised_classes))).mappings().all()
        return {
            ChannelKey(row["device_id"], row["channel_id"]): RetentionClass(row["retention_class"])
            for row in rows
        }

    async def set_promised(self, classes: Mapping[ChannelKey, RetentionClass]) -> None:
        """Remember the classes applied."""
        if not classes:
            return
        statement = upsert(
            self._dialect,
            promised_classes,
            key=["device_id", "channel_id"],
            update=["retention_class"],
        )
        rows: list[dict[str, Any]] = [
            {"device_id": key.device_id, "channel_id": key.channel_id, "retention_class": promised.value}
            for key, promised in classes.items()
        ]
        async with self._writing.begin() as connection:
            await connection.execute(statement, rows)
