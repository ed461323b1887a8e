"""A catalogue answer held against what is stored: only what differs is written.

A subordinate of 100,000 channels is asked for all of them every few hours, and next to nothing has changed.
Each row keeps a digest of what the last answer said about it; what was notified since takes the digest away,
so that the row is written by the next answer.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from catalog.columns import chunks
from catalog.model import CatalogRow, Row
from catalog.rows import CATALOG_COLUMNS, channel_values
from catalog.tables import channels

READ_ROWS: Final = 1_000
"""Rows read before everybody else gets a turn: some milliseconds."""
DIGESTS_AT_ONCE: Final = 250
DIGEST_BYTES: Final = 16
TOUCHED_MAX: Final = 5_000
"""Changed channels that are told by name; of more, all of the device are looked at anew."""


_MAPPINGS: Final = ("info", "unknown")
_plain: Final = attrgetter(*(name for name in CATALOG_COLUMNS if name not in {"kind", *_MAPPINGS}))


class Known(NamedTuple):
    """What is stored of one channel, as far as it is compared."""

    digest: bytes | None
    present: bool


@dataclass(slots=True)
class Difference:
    """What an answer changes."""

    to_write: list[tuple[int, CatalogRow, bytes]] = field(default_factory=list)
    """Place in the answer, row, digest."""
    missing: list[str] = field(default_factory=list)
    """Channels that stand in the catalogue and not in the answer."""
    named: int = 0
    """Different channels in the answer."""

    def __bool__(self) -> bool:
        return bool(self.to_write or self.missing)

    @property
    def touched(self) -> tuple[str, ...] | None:
        """The channels whose rows are written; None when they are too many to be named."""
        if len(self.to_write) + len(self.missing) > TOUCHED_MAX:
            return None
        return (*(row.channel_id for _, row, _ in self.to_write), *self.missing)

    def rows(self, device_id: str, run: int, now: datetime) -> Iterator[Row]:
        """Made as they are written: a hundred thousand at once would hold up everything else."""
        for place, row, digest in self.to_write:
            yield channel_values(device_id, row, place, run, now) | {"digest": digest}


def digest_of(row: CatalogRow) -> bytes:
    """Of everything that the device says about a channel; its place in the list is not part of it."""
    said = (row.kind.value, _plain(row), *(sorted(getattr(row, name).items()) for name in _MAPPINGS))
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


async def compare(
    engine: AsyncEngine, device_id: str, items: Sequence[CatalogRow], *, complete: bool
) -> Difference:
    """Find what differs. Of several rows of one channel the last counts, in the place of the first."""
    known = await _load(engine, device_id)
    found = Difference()
    by_id = {row.channel_id: row for row in items}
    found.named = len(by_id)
    for place, (channel_id, row) in enumerate(by_id.items()):
        if place % DIGESTS_AT_ONCE == DIGESTS_AT_ONCE - 1:
            await asyncio.sleep(0)
        digest = digest_of(row)
        before = known.get(channel_id)
        if before is None or before.digest != digest or not before.present:
            found.to_write.append((place, row, digest))
    if complete:
        found.missing = [
            channel_id for channel_id, before in known.items() if before.present and channel_id not in by_id
        ]
    return found


async def mark_missing(
    connection: AsyncConnection, device_id: str, channel_ids: Iterable[str], now: datetime
) -> int:
    """Their rows stay: recordings refer to them. How many were marked."""
    marked = 0
    for chunk in chunks(channel_ids):
        statement = (
            update(channels)
            .where(channels.c.device_id == device_id, channels.c.channel_id.in_(chunk), channels.c.present)
            .values(present=False, missing_since_time=now)
        )
        marked += (await connection.execute(statement)).rowcount
    return marked


async def _load(engine: AsyncEngine, device_id: str) -> dict[str, Known]:
    known: dict[str, Known] = {}
    async with engine.connect() as connection:
        async for rows in pages_of(connection, device_id, ("digest", "present")):
            known.update((row[0], Known(row[1], bool(row[2]))) for row in rows)
    return known


async def pages_of(
    connection: AsyncConnection, device_id: str, columns: Collection[str]
) -> AsyncIterator[Sequence[Any]]:
    """All rows of a device, some thousand at a time, each with its id in front."""
    wanted = select(channels.c.channel_id, *(channels.c[name] for name in columns))
    last = ""
    while True:
        query = (
            wanted.where(channels.c.device_id == device_id, channels.c.channel_id > last)
            .order_by(channels.c.channel_id)
            .limit(READ_ROWS)
        )
        rows = (await connection.execute(query)).all()
        if rows:
            yield rows
        if len(rows) < READ_ROWS:
            return
        last = rows[-1][0]
