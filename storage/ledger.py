"""The deletion ledger: append-only, each entry sealed by the hash of the one before it (R-15, R-23).

The hash of an entry covers the previous hash and every field, so that no line can be changed,
left out or moved without breaking the chain from there on. Taking lines off the end leaves a
shorter chain that still holds: whoever must prove the end notes the newest hash elsewhere
(the log line of each run prints it).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from catalog.columns import for_writing, to_us
from catalog.keyset import DEFAULT_LIMIT, Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import RetentionClass
from storage.errors import LedgerBroken
from storage.index import mark_deleted
from storage.model import Deletion, DeletionReason, Segment
from storage.tables import deletions

GENESIS: Final = "0" * 64
"""The previous hash of the first entry."""

VERIFY_ROWS: Final = 2000
"""Entries in memory at once while the chain is verified."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How long the verified chain is, and its newest hash."""

    entries: int
    newest_hash: str


class DeletionLedger:
    """The deletions table. Entries are added in the transaction that marks the segments."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def record(
        self, deleted: Sequence[Segment], now: datetime, reason: DeletionReason = DeletionReason.EXPIRED
    ) -> None:
        """Mark segments as deleted and write their entries, in one transaction.

        The files are gone by now: a crash in between leaves rows whose file is missing, which the
        next run deletes again and then records.
        """
        if not deleted:
            return
        async with self._writing.begin() as connection:
            seq, previous = await _newest(connection)
            entries = list(_chained(deleted, now, reason, seq, previous))
            await connection.execute(insert(deletions), [_values(entry) for entry in entries])
            await mark_deleted(connection, [segment.segment_id for segment in deleted], now)

    async def list_entries(self, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Deletion]:
        """Entries in their order."""
        limit = clamp_limit(limit)
        after = 0 if cursor is None else int(decode_cursor(cursor, (int,))[0])
        found = await self._after(after, limit + 1)
        return page_of(found, limit, [encode_cursor(entry.seq) for entry in found])

    async def verify(self) -> LedgerState:
        """Follow the chain from its first entry.

        Raises:
            LedgerBroken: an entry is missing, moved or changed; it names the first one.
        """
        previous, seq = GENESIS, 0
        while entries := await self._after(seq, VERIFY_ROWS):
            for entry in entries:
                _check(entry, seq + 1, previous)
                previous, seq = entry.hash, entry.seq
        return LedgerState(seq, previous)

    async def count(self) -> int:
        """How many entries there are."""
        async with self._reading.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(deletions))).scalar_one())

    async def _after(self, seq: int, limit: int) -> list[Deletion]:
        query = select(deletions).where(deletions.c.seq > seq).order_by(deletions.c.seq).limit(limit)
        async with self._reading.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_from_row(row) for row in rows]


def seal(entry: Deletion) -> str:
    """The hash that ``entry`` must carry: SHA-256 over its other fields as JSON, in a fixed order."""
    fields = [
        entry.seq,
        to_us(entry.deleted_time),
        entry.segment_id,
        entry.device_id,
        entry.channel_id,
        to_us(entry.start_time),
        to_us(entry.end_time),
        entry.size_bytes,
        entry.retention_class.value,
        to_us(entry.keep_until),
        entry.reason.value,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()


def _chained(
    deleted: Sequence[Segment], now: datetime, reason: DeletionReason, seq: int, previous: str
) -> Iterable[Deletion]:
    for segment in deleted:
        seq += 1
        entry = Deletion(
            seq=seq,
            deleted_time=now,
            segment_id=segment.segment_id,
            device_id=segment.device_id,
            channel_id=segment.channel_id,
            start_time=segment.start_time,
            end_time=segment.end_time,
            size_bytes=segment.size_bytes,
            retention_class=segment.retention_class,
            keep_until=segment.keep_until or segment.end_time,
            reason=reason,
            previous_hash=previous,
            hash="",
        )
        entry = replace(entry, hash=seal(entry))
        previous = entry.hash
        yield entry


def _check(entry: Deletion, expected_seq: int, previous: str) -> None:
    if entry.seq != expected_seq:
        raise LedgerBroken(expected_seq, f"is missing, {entry.seq} follows")
    if entry.previous_hash != previous:
        raise LedgerBroken(entry.seq, "does not follow from the entry before it")
    if entry.hash != seal(entry):
        raise LedgerBroken(entry.seq, "was changed after it was written")


async def _newest(connection: AsyncConnection) -> tuple[int, str]:
    query = select(deletions.c.seq, deletions.c.hash).order_by(deletions.c.seq.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return (0, GENESIS) if row is None else (row[0], row[1])


def _values(entry: Deletion) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in deletions.c.keys()}  # noqa: SIM118
    values["retention_class"] = entry.retention_class.value
    values["reason"] = entry.reason.value
    return values


def _from_row(row: RowMapping) -> Deletion:
    values: dict[str, Any] = dict(row)
    values["retention_class"] = RetentionClass(values["retention_class"])
    values["reason"] = DeletionReason(values["reason"])
    return Deletion(**values)
