"""The queries of the gateway's table, one named function each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
from catalog.model import Row
from gateway.errors import SourceExists, UnknownSource
from gateway.model import PullMode, Source, SourceKind
from gateway.tables import sources
from media.sources.address import SourceAddress
from media.sources.opening import RtspTransport

Seal = Callable[[str], str]


class SourceStore:
    """Sources in SQL; whatever may hold a secret is sealed."""

    def __init__(self, engine: AsyncEngine, seal: Seal, unseal: Seal) -> None:
        self._reading: Final = engine
        self._writing: Final = for_writing(engine)
        self._seal = seal
        self._unseal = unseal

    async def load(self) -> list[Source]:
        """All of them, in the order of their ids."""
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(sources).order_by(sources.c.channel_id))).mappings().all()
        return [self._source(row) for row in rows]

    async def add(self, source: Source) -> None:
        """Raises SourceExists: the id or the path is taken."""
        values = self._values(source) | {
            "channel_id": source.channel_id,
            "created_time": source.created_time or datetime.now(UTC),
        }
        try:
            async with self._writing.begin() as connection:
                await connection.execute(insert(sources).values(**values))
        except IntegrityError:
            raise SourceExists(
                f"the id {source.channel_id} or the path {source.push_path!r} is taken"
            ) from None

    async def replace(self, source: Source) -> None:
        """Raises UnknownSource; SourceExists: the path is taken."""
        statement = update(sources).where(sources.c.channel_id == source.channel_id)
        try:
            async with self._writing.begin() as connection:
                found = (await connection.execute(statement.values(**self._values(source)))).rowcount
        except IntegrityError:
            raise SourceExists(f"the path {source.push_path!r} is taken") from None
        if found == 0:
            raise UnknownSource(source.channel_id)

    async def remove(self, channel_id: str) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(sources).where(sources.c.channel_id == channel_id))

    def _values(self, source: Source) -> Row:
        return {
            "kind": source.kind.value,
            "address_sealed": self._sealed(source.address),
            "sub_address_sealed": self._sealed(source.sub_address),
            "transport": source.transport.value,
            "mode": source.mode.value,
            "enabled": source.is_enabled,
            "push_path": source.push_path or None,
            "push_key_sealed": self._seal(source.push_key) if source.push_key else None,
            "onvif_address": source.onvif_address,
        }

    def _sealed(self, address: SourceAddress | None) -> str | None:
        return None if address is None else self._seal(address.full)

    def _source(self, row: RowMapping) -> Source:
        return Source(
            channel_id=row["channel_id"],
            kind=SourceKind(row["kind"]),
            address=self._address(row["address_sealed"]),
            sub_address=self._address(row["sub_address_sealed"]),
            transport=RtspTransport(row["transport"]),
            mode=PullMode(row["mode"]),
            is_enabled=row["enabled"],
            push_path=row["push_path"] or "",
            push_key=self._unseal(row["push_key_sealed"]) if row["push_key_sealed"] else "",
            onvif_address=row["onvif_address"],
            created_time=row["created_time"],
        )

    def _address(self, sealed: str | None) -> SourceAddress | None:
        return None if sealed is None else SourceAddress.parse(self._unseal(sealed))
