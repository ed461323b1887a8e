"""Keeps accepted invites over a restart, so that they can be ended then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing
from sipserver.devices.tables import open_dialogs


@dataclass(frozen=True, slots=True)
class OpenDialog:
    """What it takes to say BYE; see ``tables.open_dialogs`` for the meaning of each field."""

    call_id: str
    device_id: str
    channel_id: str
    target: str
    local: str
    remote: str
    cseq: int
    ssrc: str
    opened_time: datetime


DialogChanges = Mapping[str, OpenDialog | None]
"""By Call-ID; None: it was ended."""


class DialogStore(Protocol):
    """Where open dialogs are kept."""

    async def load(self) -> list[OpenDialog]: ...
    async def save(self, changes: DialogChanges) -> None: ...


class SqlDialogStore:
    """The table ``open_dialogs``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def load(self) -> list[OpenDialog]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(open_dialogs))).mappings().all()
        return [OpenDialog(**row) for row in rows]

    async def save(self, changes: DialogChanges) -> None:
        """In one transaction."""
        rows = [asdict(dialog) for dialog in changes.values() if dialog is not None]
        async with self._writing.begin() as connection:
            for some in chunks(changes):
                await connection.execute(delete(open_dialogs).where(open_dialogs.c.call_id.in_(some)))
            if rows:
                await connection.execute(insert(open_dialogs), rows)


class MemoryDialogStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self._dialogs: dict[str, OpenDialog] = {}

    async def load(self) -> list[OpenDialog]:
        return list(self._dialogs.values())

    async def save(self, changes: DialogChanges) -> None:
        for call_id, dialog in changes.items():
            if dialog is None:
                self._dialogs.pop(call_id, None)
            else:
                self._dialogs[call_id] = dialog
