"""Keeps accepted invites over a restart, so that they can be ended then."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
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


class DialogStore(Protocol):
    """Where open dialogs are kept."""

    async def load(self) -> list[OpenDialog]: ...
    async def add(self, dialog: OpenDialog) -> None: ...
    async def remove(self, call_id: str) -> None: ...


class SqlDialogStore:
    """The table ``open_dialogs``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def load(self) -> list[OpenDialog]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(open_dialogs))).mappings().all()
        return [OpenDialog(**row) for row in rows]

    async def add(self, dialog: OpenDialog) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(open_dialogs).where(open_dialogs.c.call_id == dialog.call_id))
            await connection.execute(insert(open_dialogs).values(**asdict(dialog)))

    async def remove(self, call_id: str) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(open_dialogs).where(open_dialogs.c.call_id == call_id))


class MemoryDialogStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self._dialogs: dict[str, OpenDialog] = {}

    async def load(self) -> list[OpenDialog]:
        return list(self._dialogs.values())

    async def add(self, dialog: OpenDialog) -> None:
        self._dialogs[dialog.call_id] = dialog

    async def remove(self, call_id: str) -> None:
        self._dialogs.pop(call_id, None)
