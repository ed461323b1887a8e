"""The gap ledger: when a channel should have been recorded and was not, and why (R-16)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, case, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
from catalog.model import ChannelKey
from storage.model import Gap, GapCause
from storage.tables import recording_gaps


class GapLedger:
    """At most one gap of a channel is open."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def begin(self, key: ChannelKey, start: datetime, cause: GapCause, detail: str = "") -> None:
        """Open a gap; while one is open, the first cause stands."""
        row = {
            "device_id": key.device_id,
            "channel_id": key.channel_id,
            "start_time": start,
            "cause": cause.value,
            "detail": detail[:500],
        }
        async with self._writing.begin() as connection:
            already = await connection.execute(select(recording_gaps.c.gap_id).where(*_open_of(key)).limit(1))
            if already.first() is None:
                await connection.execute(insert(recording_gaps), [row])

    async def end(self, key: ChannelKey, instant: datetime) -> None:
        """Close the open gap, if there is one; never before its start."""
        later = _later_of_start_and(instant)
        statement = update(recording_gaps).where(*_open_of(key)).values(end_time=later)
        async with self._writing.begin() as connection:
            await connection.execute(statement)

    async def add(
        self, key: ChannelKey, start: datetime, end: datetime, cause: GapCause, detail: str
    ) -> None:
        """Note a gap that is over already."""
        row = {
            "device_id": key.device_id,
            "channel_id": key.channel_id,
            "start_time": start,
            "end_time": max(start, end),
            "cause": cause.value,
            "detail": detail[:500],
        }
        async with self._writing.begin() as connection:
            await connection.execute(insert(recording_gaps), [row])

    async def open_gaps(self) -> dict[ChannelKey, Gap]:
        """Gaps that last."""
        query = select(recording_gaps).where(recording_gaps.c.end_time.is_(None))
        return {gap.key: gap for gap in map(_gap_from, await self._rows(query))}

    async def list_gaps(
        self, key: ChannelKey, start: datetime, end: datetime, limit: int = 1000
    ) -> list[Gap]:
        """Gaps of a channel that overlap ``[start, end)``, the oldest first."""
        table = recording_gaps.c
        query = (
            select(recording_gaps)
            .where(
                table.device_id == key.device_id,
                table.channel_id == key.channel_id,
                table.start_time < end,
                or_(table.end_time.is_(None), table.end_time > start),
            )
            .order_by(table.start_time, table.gap_id)
            .limit(limit)
        )
        return [_gap_from(row) for row in await self._rows(query)]

    async def _rows(self, query: Any) -> Sequence[RowMapping]:
        async with self._reading.connect() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
        return rows


def _later_of_start_and(instant: datetime) -> Any:
    """The later of a gap's start and ``instant``: a clock that was set back must not turn it around."""
    start = recording_gaps.c.start_time
    return case((start > instant, start), else_=literal(instant, start.type))


def _open_of(key: ChannelKey) -> tuple[Any, Any, Any]:
    table = recording_gaps.c
    return table.device_id == key.device_id, table.channel_id == key.channel_id, table.end_time.is_(None)


def _gap_from(row: RowMapping) -> Gap:
    return Gap(
        gap_id=row["gap_id"],
        device_id=row["device_id"],
        channel_id=row["channel_id"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        cause=GapCause(row["cause"]),
        detail=row["detail"],
    )
