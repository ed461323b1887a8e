"""The audit log (R-23): append-only, each entry bound to the one before by a keyed hash.

An entry that is altered, removed from the middle, inserted or re-ordered breaks the chain, and without the
key file nobody can make it whole again. What the chain alone cannot show is that its newest entries were cut
off: compare ``head()`` with one that was noted elsewhere (it is in each day's log line).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from access.clock import WallClock, from_us, to_us, wall_clock
from access.errors import AuditBehind
from access.stats import AccessStats
from access.tables import audit_entries

FIRST_PREVIOUS_HASH: Final = "0" * 64
SYSTEM: Final = "system"
VERIFY_CHUNK: Final = 1000
TURN_WAIT_S: Final = 10.0
MAX_DETAIL_BYTES: Final = 8192
APPEND_TRIES: Final = 64
HEAD_LOGGED_EVERY: Final = 1000

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How an action ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log."""

    sequence: int
    time: datetime
    actor: str
    source: str
    action: str
    target: str
    outcome: str
    detail: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a check of the chain found.

    ``broken_at`` is the first sequence number that does not fit, None when all fits.
    """

    entries: int
    head: str
    broken_at: int | None
    reason: str

    @property
    def is_whole(self) -> bool:
        """Whether every entry fits."""
        return self.broken_at is None


class AuditLog:
    """Appends and checks entries.

    Args:
        engine: database with access's tables.
        key: key of the chain, e.g. ``SecretBox.derive("audit")``.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        key: bytes = b"",
        *,
        stats: AccessStats | None = None,
        clock: WallClock = wall_clock,
    ) -> None:
        self._engine = engine
        self._key = key
        self.stats = stats or AccessStats()
        self._clock = clock
        self._turn = asyncio.Lock()

    async def record(
        self,
        action: str,
        *,
        actor: str = SYSTEM,
        target: str = "",
        outcome: Outcome = Outcome.DONE,
        source: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> AuditEntry:
        """Append an entry.

        Args:
            action: an ``access.roles.Action`` or a verb like ``log_in``.
            detail: small JSON values; never a password or a token.

        Raises:
            AuditBehind: the database is away, and others have waited for longer.
        """
        text = json.dumps(dict(detail or {}), sort_keys=True, ensure_ascii=False, default=str)
        if len(text.encode()) > MAX_DETAIL_BYTES:
            text = json.dumps({"cut": len(text.encode())})
        fields = (actor[:64], source[:64], str(action)[:64], target[:255], outcome.value, text)
        await self._wait_for_turn()
        try:
            entry = await self._append(fields)
        finally:
            self._turn.release()
        self.stats.audit_entries += 1
        if entry.sequence % HEAD_LOGGED_EVERY == 0:
            _log.info("audit log has %d entries, head %s", entry.sequence, entry.hash)
        return entry

    async def _wait_for_turn(self) -> None:
        """Entries are written one after the other; while the database is away, not all wait for all."""
        try:
            async with asyncio.timeout(TURN_WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise AuditBehind(f"the audit log did not come to this within {TURN_WAIT_S:g} s") from None

    async def head(self) -> tuple[int, str]:
        """Number and hash of the newest entry; (0, zeros) when there is none."""
        query = select(audit_entries.c.sequence, audit_entries.c.hash).order_by(
            audit_entries.c.sequence.desc()
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query.limit(1))).one_or_none()
        return (0, FIRST_PREVIOUS_HASH) if row is None else (row.sequence, row.hash)

    async def list(
        self,
        *,
        before: int | None = None,
        limit: int = 100,
        about: Collection[str] = (),
    ) -> list[AuditEntry]:
        """Newest entries first.

        Args:
            before: the cursor, a sequence number.
            about: only what one of these did, or what was done to one of these.
        """
        query = select(audit_entries).order_by(audit_entries.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_entries.c.sequence < before)
        if about:
            query = query.where(or_(audit_entries.c.actor.in_(about), audit_entries.c.target.in_(about)))
        async with self._engine.connect() as connection:
            return [_entry(row) for row in await connection.execute(query)]

    async def verify(self) -> AuditVerdict:
        """Walk the chain from its start."""
        expected, previous_hash = 1, FIRST_PREVIOUS_HASH
        async for row in self._walk():
            reason = self._misfit(row, expected, previous_hash)
            if reason:
                return AuditVerdict(expected - 1, previous_hash, expected, reason)
            expected, previous_hash = expected + 1, row.hash
        return AuditVerdict(expected - 1, previous_hash, None, "")

    def _misfit(self, row: Row[Any], expected: int, previous_hash: str) -> str:
        if row.sequence != expected:
            return f"entry {expected} is missing, the next is {row.sequence}"
        if row.previous_hash != previous_hash:
            return f"entry {expected} names another predecessor"
        fields = (row.actor, row.source, row.action, row.target, row.outcome, row.detail)
        if not hmac.compare_digest(row.hash, self._hash(row.sequence, row.time_us, fields, previous_hash)):
            return f"entry {expected} was altered"
        return ""

    async def _walk(self) -> AsyncIterator[Row[Any]]:
        last = 0
        while True:
            query = (
                select(audit_entries)
                .where(audit_entries.c.sequence > last)
                .order_by(audit_entries.c.sequence)
                .limit(VERIFY_CHUNK)
            )
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).all()
            for row in rows:
                yield row
            if len(rows) < VERIFY_CHUNK:
                return
            last = rows[-1].sequence

    async def _append(self, fields: tuple[str, ...]) -> AuditEntry:
        # Another process may take the same number: the primary key refuses the second, which tries the next.
        for attempt in range(APPEND_TRIES):
            sequence, previous_hash = await self.head()
            time_us = to_us(self._clock())
            digest = self._hash(sequence + 1, time_us, fields, previous_hash)
            names = ("actor", "source", "action", "target", "outcome", "detail")
            values = dict(zip(names, fields, strict=True))
            try:
                async with self._engine.begin() as connection:
                    await connection.execute(
                        insert(audit_entries).values(
                            sequence=sequence + 1,
                            time_us=time_us,
                            previous_hash=previous_hash,
                            hash=digest,
                            **values,
                        )
                    )
            except IntegrityError:
                if attempt == APPEND_TRIES - 1:
                    raise
                continue
            return AuditEntry(
                sequence=sequence + 1,
                time=from_us(time_us),
                previous_hash=previous_hash,
                hash=digest,
                **values,
            )
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _hash(self, sequence: int, time_us: int, fields: tuple[str, ...], previous_hash: str) -> str:
        # A JSON list keeps the fields apart: ("ab", "c") and ("a", "bc") differ.
        message = json.dumps([previous_hash, sequence, time_us, *fields], ensure_ascii=False)
        return hmac.new(self._key, message.encode(), hashlib.sha256).hexdigest()


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        sequence=row.sequence,
        time=from_us(row.time_us),
        actor=row.actor,
        source=row.source,
        action=row.action,
        target=row.target,
        outcome=row.outcome,
        detail=row.detail,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
