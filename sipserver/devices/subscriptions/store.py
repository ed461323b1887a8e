"""Keeps what is wanted over a restart."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

from sqlalchemy import RowMapping, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
from sipserver.devices.subscriptions.kinds import AlarmConditions, Kind, SubscriptionKey, WantedSubscription
from sipserver.devices.subscriptions.tables import subscriptions


class SubscriptionStore(Protocol):
    """Where wanted subscriptions are kept."""

    async def load(self) -> list[WantedSubscription]: ...
    async def save(self, wanted: WantedSubscription) -> None: ...
    async def remove(self, key: SubscriptionKey) -> None: ...


class SqlSubscriptionStore:
    """The table ``subscriptions``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def load(self) -> list[WantedSubscription]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(subscriptions))).mappings().all()
        return [_wanted(row) for row in rows]

    async def save(self, wanted: WantedSubscription) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(subscriptions).where(*_is(wanted.key)))
            await connection.execute(insert(subscriptions).values(**_values(wanted)))

    async def remove(self, key: SubscriptionKey) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(subscriptions).where(*_is(key)))


class MemorySubscriptionStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self._wanted: dict[SubscriptionKey, WantedSubscription] = {}

    async def load(self) -> list[WantedSubscription]:
        return list(self._wanted.values())

    async def save(self, wanted: WantedSubscription) -> None:
        self._wanted[wanted.key] = wanted

    async def remove(self, key: SubscriptionKey) -> None:
        self._wanted.pop(key, None)


def _is(key: SubscriptionKey) -> tuple[Any, ...]:
    table = subscriptions.c
    return table.device_id == key.device_id, table.kind == key.kind.value, table.target_id == key.target_id


def _values(wanted: WantedSubscription) -> dict[str, Any]:
    conditions = asdict(wanted.conditions) | {"methods": list(wanted.conditions.methods)}
    return {
        "device_id": wanted.key.device_id,
        "kind": wanted.key.kind.value,
        "target_id": wanted.key.target_id,
        "is_wanted": wanted.is_wanted,
        "expires_s": wanted.expires_s,
        "interval_s": wanted.interval_s,
        "conditions": conditions,
        "requested_by": wanted.requested_by,
        "changed_time": wanted.changed_time,
    }


def _wanted(row: RowMapping) -> WantedSubscription:
    conditions = dict(row["conditions"])
    conditions["methods"] = tuple(conditions.get("methods", ()))
    return WantedSubscription(
        key=SubscriptionKey(row["device_id"], Kind(row["kind"]), row["target_id"]),
        is_wanted=row["is_wanted"],
        expires_s=row["expires_s"],
        interval_s=row["interval_s"],
        conditions=AlarmConditions(**conditions),
        requested_by=row["requested_by"],
        changed_time=row["changed_time"],
    )
