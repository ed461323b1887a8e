"""The queries of the cascade's tables, one named function each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cascade.errors import SuperiorExists, UnknownSuperior
from cascade.model import InitialReport, RecordSource, Superior, TreeForm
from cascade.shown.items import Override
from cascade.shown.shares import Share, ShareKind
from cascade.tables import ledger as ledger_table
from cascade.tables import presented_ids, shares, superiors
from cascade.told.ledger_store import LedgerStore
from catalog.columns import CHUNK_ROWS, chunks, for_writing
from catalog.model import Row
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Transport

Seal = Callable[[str], str]

_PLAIN: Final = tuple(
    each.name
    for each in fields(Superior)
    if each.name
    not in {"password", "shares", "transport", "edition", "tree", "initial_report", "record_source"}
)


class SuperiorStore:
    """Superiors in SQL; passwords are sealed."""

    def __init__(self, engine: AsyncEngine, seal: Seal, unseal: Seal) -> None:
        self._reading: Final = engine
        self._writing: Final = for_writing(engine)
        self._seal = seal
        self._unseal = unseal
        self.ledger: Final = LedgerStore(engine)

    async def load(self) -> list[Superior]:
        """All of them, in the order of their ids."""
        async with self._reading.connect() as connection:
            rows = (
                (await connection.execute(select(superiors).order_by(superiors.c.superior_id)))
                .mappings()
                .all()
            )
            rules = (await connection.execute(select(shares))).mappings().all()
        of_superior: dict[str, list[Share]] = defaultdict(list)
        for rule in rules:
            share = Share(ShareKind(rule["kind"]), rule["value"], rule["is_shown"])
            of_superior[rule["superior_id"]].append(share)
        return [self._superior(row, tuple(of_superior[row["superior_id"]])) for row in rows]

    async def add(self, superior: Superior) -> None:
        """Raises SuperiorExists: the id is taken."""
        values = self._values(superior) | {"created_time": datetime.now(UTC)}
        try:
            async with self._writing.begin() as connection:
                await connection.execute(insert(superiors).values(**values))
                await _write_shares(connection, superior)
        except IntegrityError:
            raise SuperiorExists(f"superior {superior.superior_id} is there already") from None

    async def replace(self, superior: Superior) -> None:
        """Raises UnknownSuperior."""
        statement = update(superiors).where(superiors.c.superior_id == superior.superior_id)
        async with self._writing.begin() as connection:
            if (await connection.execute(statement.values(**self._values(superior)))).rowcount == 0:
                raise UnknownSuperior(f"superior {superior.superior_id} is not known")
            await connection.execute(delete(shares).where(shares.c.superior_id == superior.superior_id))
            await _write_shares(connection, superior)

    async def remove(self, superior_id: str) -> None:
        """Forget it with its rules and the ids that it knew; nothing happens when it is not there."""
        async with self._writing.begin() as connection:
            for table in (ledger_table, presented_ids, shares, superiors):
                await connection.execute(delete(table).where(table.c.superior_id == superior_id))

    async def load_ids(self, superior_id: str) -> dict[str, str]:
        """The ids that a superior knows, by what they stand for."""
        query = select(presented_ids.c.identity, presented_ids.c.presented_id)
        async with self._reading.connect() as connection:
            rows = await connection.execute(query.where(presented_ids.c.superior_id == superior_id))
            return {row.identity: row.presented_id for row in rows}

    async def save_ids(self, superior_id: str, new: Mapping[str, str]) -> None:
        """Write down what was assigned; it is never changed again."""
        rows = [
            {"superior_id": superior_id, "identity": identity, "presented_id": presented}
            for identity, presented in new.items()
        ]
        async with self._writing.begin() as connection:
            for chunk in chunks(rows, CHUNK_ROWS):
                await connection.execute(insert(presented_ids), chunk)

    async def load_overrides(self, superior_id: str) -> dict[str, Override]:
        """What a superior is told in place of what the catalogue says, by presented id."""
        query = select(presented_ids.c.presented_id, presented_ids.c.overrides)
        where = presented_ids.c.superior_id == superior_id, presented_ids.c.overrides.is_not(None)
        async with self._reading.connect() as connection:
            rows = await connection.execute(query.where(*where))
            return {row.presented_id: Override(**json.loads(row.overrides)) for row in rows}

    async def save_override(self, superior_id: str, presented: str, override: Override) -> None:
        statement = (
            update(presented_ids)
            .where(presented_ids.c.superior_id == superior_id, presented_ids.c.presented_id == presented)
            .values(overrides=json.dumps(asdict(override), ensure_ascii=False) if override else None)
        )
        async with self._writing.begin() as connection:
            await connection.execute(statement)

    def _values(self, superior: Superior) -> Row:
        values: Row = {name: getattr(superior, name) for name in _PLAIN}
        return values | {
            "transport": superior.transport.value,
            "edition": superior.edition.value,
            "tree": superior.tree.value,
            "initial_report": superior.initial_report.value,
            "record_source": superior.record_source.value,
            "password_sealed": self._seal(superior.password) if superior.password else None,
        }

    def _superior(self, row: RowMapping, rules: tuple[Share, ...]) -> Superior:
        sealed = row["password_sealed"]
        return Superior(
            **{name: row[name] for name in _PLAIN},
            transport=Transport(row["transport"]),
            edition=Edition(row["edition"]),
            tree=TreeForm(row["tree"]),
            initial_report=InitialReport(row["initial_report"]),
            record_source=RecordSource(row["record_source"]),
            password=self._unseal(sealed) if sealed else "",
            shares=rules,
        )


async def _write_shares(connection: AsyncConnection, superior: Superior) -> None:
    rows = [
        {
            "superior_id": superior.superior_id,
            "kind": share.kind.value,
            "value": share.value,
            "is_shown": share.is_shown,
        }
        for share in superior.shares
    ]
    if rows:
        await connection.execute(insert(shares), rows)
