"""The queries of the ledger's table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from cascade.tables import ledger
from cascade.told.ledger import LedgerRow
from catalog.columns import chunks, for_writing, upsert

PAGE: Final = 1_000
_COLUMNS: Final = LedgerRow._fields


class LedgerStore:
    """What superiors were told and what they said about it, in SQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading: Final = engine
        self._writing: Final = for_writing(engine)
        self._save = upsert(
            engine.dialect.name,
            ledger,
            key=["superior_id", "presented_id"],
            update=[name for name in _COLUMNS if name != "presented_id"],
        )

    async def load(self, superior_id: str) -> AsyncIterator[list[LedgerRow]]:
        """All lines of a superior, in pages."""
        query = select(*(ledger.c[name] for name in _COLUMNS)).where(ledger.c.superior_id == superior_id)
        after = ""
        while True:
            page = query.where(ledger.c.presented_id > after).order_by(ledger.c.presented_id).limit(PAGE)
            async with self._reading.connect() as connection:
                rows = [LedgerRow(*row) for row in await connection.execute(page)]
            yield rows
            if len(rows) < PAGE:
                return
            after = rows[-1].presented_id

    async def save(self, superior_id: str, rows: Iterable[LedgerRow]) -> None:
        """Write lines down; a line about something that is gone, as the superior knows, is dropped."""
        kept: list[dict[str, object]] = []
        gone: list[str] = []
        for row in rows:
            if row.sent_state or row.acknowledged_state or row.refused_status:
                kept.append({"superior_id": superior_id, **row._asdict()})
            else:
                gone.append(row.presented_id)
        async with self._writing.begin() as connection:
            for chunk in chunks(kept):
                await connection.execute(self._save, chunk)
            for ids in chunks(gone):
                await connection.execute(
                    delete(ledger).where(ledger.c.superior_id == superior_id, ledger.c.presented_id.in_(ids))
                )
