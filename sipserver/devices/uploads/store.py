"""Where bursts, pictures, firmware and upgrades are kept: one function for each query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import RowMapping, Select, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing, upsert
from sipserver.devices.uploads.model import (
    BurstState,
    Firmware,
    SnapshotBurst,
    SnapshotPicture,
    Upgrade,
    UpgradeState,
)
from sipserver.devices.uploads.tables import device_upgrades, firmware, snapshot_bursts, snapshot_pictures

LIST_MAX: Final = 200
"""Rows of one list, the newest first."""


class UploadStore(Protocol):
    """The same on a database and in memory."""

    async def open_bursts(self) -> list[SnapshotBurst]: ...
    async def save_burst(self, burst: SnapshotBurst) -> None: ...
    async def burst(self, session_id: str) -> SnapshotBurst | None: ...
    async def bursts_of(self, device_id: str, channel_id: str) -> list[SnapshotBurst]: ...
    async def bursts_before(self, requested_before: datetime) -> list[SnapshotBurst]: ...
    async def delete_bursts(self, session_ids: Sequence[str]) -> None: ...
    async def add_picture(self, picture: SnapshotPicture) -> None: ...
    async def pictures_of(self, session_ids: Sequence[str]) -> list[SnapshotPicture]: ...
    async def add_firmware(self, found: Firmware) -> None: ...
    async def firmware(self, firmware_id: str) -> Firmware | None: ...
    async def all_firmware(self) -> list[Firmware]: ...
    async def delete_firmware(self, firmware_id: str) -> None: ...
    async def open_upgrades(self) -> list[Upgrade]: ...
    async def save_upgrade(self, upgrade: Upgrade) -> None: ...
    async def upgrade(self, session_id: str) -> Upgrade | None: ...
    async def upgrades_of(self, device_id: str) -> list[Upgrade]: ...
    async def blobs(self) -> set[str]: ...


class SqlUploadStore:
    """The four tables of ``tables.py``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def open_bursts(self) -> list[SnapshotBurst]:
        query = select(snapshot_bursts).where(snapshot_bursts.c.ended_time.is_(None))
        return [_burst(row) for row in await self._rows(query)]

    async def save_burst(self, burst: SnapshotBurst) -> None:
        await self._save(snapshot_bursts, "session_id", asdict(burst))

    async def burst(self, session_id: str) -> SnapshotBurst | None:
        rows = await self._rows(select(snapshot_bursts).where(snapshot_bursts.c.session_id == session_id))
        return _burst(rows[0]) if rows else None

    async def bursts_of(self, device_id: str, channel_id: str) -> list[SnapshotBurst]:
        """The newest first."""
        table = snapshot_bursts.c
        query = select(snapshot_bursts).where(table.device_id == device_id, table.channel_id == channel_id)
        newest = query.order_by(table.requested_time.desc()).limit(LIST_MAX)
        return [_burst(row) for row in await self._rows(newest)]

    async def bursts_before(self, requested_before: datetime) -> list[SnapshotBurst]:
        """Ended bursts that are older, the oldest first, a batch of them."""
        table = snapshot_bursts.c
        query = select(snapshot_bursts).where(
            table.requested_time < requested_before, table.ended_time.is_not(None)
        )
        return [_burst(row) for row in await self._rows(query.order_by(table.requested_time).limit(LIST_MAX))]

    async def delete_bursts(self, session_ids: Sequence[str]) -> None:
        """With their pictures' rows."""
        async with self._writing.begin() as connection:
            for chunk in chunks(session_ids):
                for table in (snapshot_pictures, snapshot_bursts):
                    await connection.execute(delete(table).where(table.c.session_id.in_(chunk)))

    async def add_picture(self, picture: SnapshotPicture) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(insert(snapshot_pictures).values(**asdict(picture)))

    async def pictures_of(self, session_ids: Sequence[str]) -> list[SnapshotPicture]:
        table = snapshot_pictures.c
        query = select(snapshot_pictures).where(table.session_id.in_(session_ids))
        rows = await self._rows(query.order_by(table.session_id, table.number))
        return [SnapshotPicture(**row) for row in rows]

    async def add_firmware(self, found: Firmware) -> None:
        await self._save(firmware, "firmware_id", asdict(found))

    async def firmware(self, firmware_id: str) -> Firmware | None:
        rows = await self._rows(select(firmware).where(firmware.c.firmware_id == firmware_id))
        return Firmware(**rows[0]) if rows else None

    async def all_firmware(self) -> list[Firmware]:
        """The newest first."""
        query = select(firmware).order_by(firmware.c.uploaded_time.desc()).limit(LIST_MAX)
        return [Firmware(**row) for row in await self._rows(query)]

    async def delete_firmware(self, firmware_id: str) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(firmware).where(firmware.c.firmware_id == firmware_id))

    async def open_upgrades(self) -> list[Upgrade]:
        query = select(device_upgrades).where(device_upgrades.c.ended_time.is_(None))
        return [_upgrade(row) for row in await self._rows(query)]

    async def save_upgrade(self, upgrade: Upgrade) -> None:
        await self._save(device_upgrades, "session_id", asdict(upgrade))

    async def upgrade(self, session_id: str) -> Upgrade | None:
        rows = await self._rows(select(device_upgrades).where(device_upgrades.c.session_id == session_id))
        return _upgrade(rows[0]) if rows else None

    async def upgrades_of(self, device_id: str) -> list[Upgrade]:
        """The newest first."""
        table = device_upgrades.c
        query = select(device_upgrades).where(table.device_id == device_id)
        newest = query.order_by(table.requested_time.desc()).limit(LIST_MAX)
        return [_upgrade(row) for row in await self._rows(newest)]

    async def blobs(self) -> set[str]:
        """Every file that a row names."""
        names = await self._rows(select(snapshot_pictures.c.blob).union(select(firmware.c.blob)))
        return {str(row["blob"]) for row in names}

    async def _rows(self, query: Select[Any] | Any) -> Sequence[RowMapping]:
        async with self._reading.connect() as connection:
            return (await connection.execute(query)).mappings().all()

    async def _save(self, table: Table, key: str, values: Mapping[str, Any]) -> None:
        changing = [name for name in values if name != key]
        statement = upsert(self._writing.dialect.name, table, key=[key], update=changing)
        async with self._writing.begin() as connection:
            await connection.execute(statement, [dict(values)])


def _burst(row: Mapping[Any, Any]) -> SnapshotBurst:
    return SnapshotBurst(**{**row, "state": BurstState(row["state"])})


def _upgrade(row: Mapping[Any, Any]) -> Upgrade:
    return Upgrade(**{**row, "state": UpgradeState(row["state"])})
