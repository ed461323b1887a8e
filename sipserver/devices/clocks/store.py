"""Keeps the clocks of devices and the log of their drifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing, upsert
from sipserver.devices.clocks.tables import clock_log, device_clocks

LOG_LINES_IN_MEMORY: Final = 10_000


@dataclass(frozen=True, slots=True)
class ClockRow:
    """One row of ``device_clocks``."""

    device_id: str
    offset_s: float
    error_s: float
    source: str
    measured_time: datetime
    drifting_since: datetime | None


@dataclass(frozen=True, slots=True)
class ClockLogLine:
    """One row of ``clock_log``."""

    device_id: str
    happened_time: datetime
    change: str
    offset_s: float
    source: str


class ClockStore(Protocol):
    """Where clocks are kept."""

    async def load(self) -> list[ClockRow]: ...
    async def save(self, rows: Sequence[ClockRow], lines: Sequence[ClockLogLine]) -> None: ...
    async def log_of(self, device_id: str, limit: int) -> list[ClockLogLine]:
        """Newest first."""

    async def forget_device(self, device_id: str) -> None: ...
    async def forget_before(self, moment: datetime) -> None: ...


class SqlClockStore:
    """The tables ``device_clocks`` and ``clock_log``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        names = [column.name for column in device_clocks.c]
        self._upsert = upsert(engine.dialect.name, device_clocks, key=names[:1], update=names[1:])

    async def load(self) -> list[ClockRow]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(device_clocks))).mappings().all()
        return [ClockRow(**row) for row in rows]

    async def save(self, rows: Sequence[ClockRow], lines: Sequence[ClockLogLine]) -> None:
        async with self._writing.begin() as connection:
            if rows:
                await connection.execute(self._upsert, [asdict(row) for row in rows])
            if lines:
                await connection.execute(insert(clock_log), [asdict(line) for line in lines])

    async def log_of(self, device_id: str, limit: int) -> list[ClockLogLine]:
        columns = [column for column in clock_log.c if column.name != "clock_log_id"]
        statement = (
            select(*columns)
            .where(clock_log.c.device_id == device_id)
            .order_by(clock_log.c.happened_time.desc(), clock_log.c.clock_log_id.desc())
            .limit(limit)
        )
        async with self._reading.connect() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [ClockLogLine(**row) for row in rows]

    async def forget_device(self, device_id: str) -> None:
        """Its clock; the log stays until its time is over."""
        async with self._writing.begin() as connection:
            await connection.execute(delete(device_clocks).where(device_clocks.c.device_id == device_id))

    async def forget_before(self, moment: datetime) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(clock_log).where(clock_log.c.happened_time < moment))


class MemoryClockStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self._rows: dict[str, ClockRow] = {}
        self._lines: list[ClockLogLine] = []

    async def load(self) -> list[ClockRow]:
        return list(self._rows.values())

    async def save(self, rows: Sequence[ClockRow], lines: Sequence[ClockLogLine]) -> None:
        self._rows.update({row.device_id: row for row in rows})
        self._lines = [*self._lines, *lines][-LOG_LINES_IN_MEMORY:]

    async def log_of(self, device_id: str, limit: int) -> list[ClockLogLine]:
        return [line for line in reversed(self._lines) if line.device_id == device_id][:limit]

    async def forget_device(self, device_id: str) -> None:
        self._rows.pop(device_id, None)

    async def forget_before(self, moment: datetime) -> None:
        self._lines = [line for line in self._lines if line.happened_time >= moment]
