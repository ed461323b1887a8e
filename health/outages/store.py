"""Keeps outages: one named function for each question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, delete, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing, from_us, to_us, upsert
from catalog.keyset import Page, clamp_limit, decode_cursor, encode_cursor, page_of
from health.outages.model import Cause, Outage, SiteOutage
from health.tables import outages, site_outages

SITES_LISTED = 500
SAVED_AT_ONCE = 500
"""Rows of one statement: making thousands would hold up the event loop."""


class OutageStore:
    """The tables ``outages`` and ``site_outages``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        dialect = engine.dialect.name
        columns = [column.name for column in outages.c]
        self._save_outages = upsert(dialect, outages, key=columns[:1], update=columns[1:])
        columns = [column.name for column in site_outages.c]
        self._save_sites = upsert(dialect, site_outages, key=columns[:2], update=columns[2:])

    async def save(self, changed: Sequence[Outage], sites: Sequence[SiteOutage]) -> None:
        """Write the newest form of what changed, in one transaction."""
        async with self._writing.begin() as connection:
            for chunk in chunks(changed, SAVED_AT_ONCE):
                await connection.execute(self._save_outages, [_values(outage) for outage in chunk])
            for site_chunk in chunks(sites, SAVED_AT_ONCE):
                await connection.execute(self._save_sites, [_values(site) for site in site_chunk])

    async def load_open(self) -> list[Outage]:
        """What was out when we stopped."""
        statement = select(outages).where(outages.c.ended_time.is_(None))
        async with self._reading.connect() as connection:
            return [_outage(row) for row in (await connection.execute(statement)).mappings()]

    async def close_sites(self, moment: datetime) -> None:
        """After a restart the judgement of sites begins anew."""
        statement = update(site_outages).where(site_outages.c.ended_time.is_(None)).values(ended_time=moment)
        async with self._writing.begin() as connection:
            await connection.execute(statement)

    async def list_outages(
        self,
        *,
        device_id: str | None = None,
        cause: Cause | None = None,
        is_open: bool | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Outage]:
        """Newest first."""
        size = clamp_limit(limit)
        statement = _filtered(device_id, cause, is_open)
        if cursor is not None:
            began_us, outage_id = decode_cursor(cursor, (int, str))
            began = from_us(int(began_us))
            table = outages.c
            statement = statement.where(
                or_(
                    table.began_time < began,
                    and_(table.began_time == began, table.outage_id < str(outage_id)),
                )
            )
        async with self._reading.connect() as connection:
            found = (await connection.execute(statement.limit(size + 1))).mappings().all()
        rows = [_outage(row) for row in found]
        return page_of(rows, size, [encode_cursor(to_us(row.began_time), row.outage_id) for row in rows])

    async def list_sites(self) -> list[SiteOutage]:
        """Outages of whole sites, newest first; the most recent ones only."""
        statement = select(site_outages).order_by(site_outages.c.began_time.desc()).limit(SITES_LISTED)
        async with self._reading.connect() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [SiteOutage(**{**row, "cause": Cause(row["cause"])}) for row in rows]

    async def forget_before(self, moment: datetime) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(outages).where(outages.c.ended_time < moment))
            await connection.execute(delete(site_outages).where(site_outages.c.ended_time < moment))


def _filtered(device_id: str | None, cause: Cause | None, is_open: bool | None) -> Select[tuple[object, ...]]:
    table = outages.c
    statement = select(outages).order_by(table.began_time.desc(), table.outage_id.desc())
    if device_id is not None:
        statement = statement.where(table.device_id == device_id)
    if cause is not None:
        statement = statement.where(table.cause == cause.value)
    if is_open is not None:
        statement = statement.where(table.ended_time.is_(None) if is_open else table.ended_time.is_not(None))
    return statement


def _values(row: Outage | SiteOutage) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__slots__}


def _outage(row: RowMapping) -> Outage:
    return Outage(**{**row, "cause": Cause(row["cause"])})
