"""Lock-out: failures are counted per user name and per source, on disk, and locks grow.

A try is charged before its password is checked and refunded when it succeeds. So a hundred tries at the
same moment are a hundred charges, not one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from access.clock import WallClock, from_us, to_us
from access.errors import LockedOut
from access.settings import AccessSettings
from access.tables import login_guards

MAX_GUARD_ROWS_PER_SWEEP: Final = 5_000
SWEEP_EVERY: Final = 500


def lock_length_s(failures: int, allowed: int, first_s: float, longest_s: float) -> float:
    """How long to lock after this many failures: 0, then first_s, doubling up to longest_s."""
    if failures < allowed:
        return 0.0
    # 2**63 s is past any lock, so the exponent needs no more.
    return min(longest_s, first_s * 2.0 ** min(failures - allowed, 62))


class LogInGuard:
    """Counts failed log-ins of user names, known or not, and of sources."""

    def __init__(self, engine: AsyncEngine, settings: AccessSettings, clock: WallClock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._charges = 0
        self._turn = asyncio.Lock()

    async def charge(self, username_key: str, source: str) -> None:
        """Count a try as failed until it is refunded.

        Raises:
            LockedOut: the name or the source is locked; nothing was counted.
        """
        async with self._turn:
            await self._charge(self._subjects(username_key, source), to_us(self._clock()))
        self._charges += 1
        if self._charges % SWEEP_EVERY == 0:
            await self.sweep()

    async def refund(self, username_key: str, source: str) -> None:
        """The try succeeded: the name starts afresh, the source gets this one try back.

        The source keeps its other failures, or one good account would pay for guessing the rest.
        """
        user_subject, source_subject = self._subjects(username_key, source)
        async with self._turn:
            found = await self._find([source_subject])
            row = found.get(source_subject)
            async with self._engine.begin() as connection:
                await connection.execute(delete(login_guards).where(login_guards.c.subject == user_subject))
                if row is not None:
                    failures = max(row.failures - 1, 0)
                    allowed = self._settings.lockout_source_failures
                    await self._store(connection, source_subject, failures, allowed, row.last_failure_us)

    async def forget(self, username_key: str) -> None:
        """Unlock a name, e.g. because an administrator set a new password."""
        async with self._engine.begin() as connection:
            await connection.execute(
                delete(login_guards).where(login_guards.c.subject == f"user:{username_key}")
            )

    async def sweep(self) -> None:
        """Drop rows that no longer count, so that guessed names do not fill the table."""
        horizon_us = to_us(self._clock() - self._memory())
        old = (
            select(login_guards.c.subject)
            .where(login_guards.c.last_failure_us < horizon_us)
            .limit(MAX_GUARD_ROWS_PER_SWEEP)
        )
        async with self._engine.begin() as connection:
            await connection.execute(delete(login_guards).where(login_guards.c.subject.in_(old)))

    async def _charge(self, subjects: Mapping[str, int], now_us: int) -> None:
        found = await self._find(subjects)
        locked_until_us = max((row.locked_until_us for row in found.values()), default=0)
        if locked_until_us > now_us:
            raise LockedOut(from_us(locked_until_us))
        async with self._engine.begin() as connection:
            for subject, allowed in subjects.items():
                row = found.get(subject)
                failures = (
                    0 if row is None or self._is_forgotten(row.last_failure_us, now_us) else row.failures
                )
                await self._store(connection, subject, failures + 1, allowed, now_us)

    # Reads stay outside the writing transactions: one that starts as a read cannot become a write in
    # SQLite's WAL while somebody else writes.
    async def _find(self, subjects: Iterable[str]) -> dict[str, Row[Any]]:
        query = select(login_guards).where(login_guards.c.subject.in_(list(subjects)))
        async with self._engine.connect() as connection:
            return {row.subject: row for row in await connection.execute(query)}

    def _subjects(self, username_key: str, source: str) -> dict[str, int]:
        return {
            f"user:{username_key}": self._settings.lockout_failures,
            f"source:{source}": self._settings.lockout_source_failures,
        }

    def _memory(self) -> timedelta:
        return timedelta(seconds=2 * self._settings.lockout_longest_s)

    def _is_forgotten(self, last_failure_us: int, now_us: int) -> bool:
        return now_us - last_failure_us > self._memory().total_seconds() * 1_000_000

    async def _store(
        self, connection: AsyncConnection, subject: str, failures: int, allowed: int, now_us: int
    ) -> None:
        settings = self._settings
        lock_s = lock_length_s(failures, allowed, settings.lockout_first_s, settings.lockout_longest_s)
        values = {
            "failures": failures,
            "last_failure_us": now_us,
            "locked_until_us": now_us + int(lock_s * 1_000_000) if lock_s else 0,
        }
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(login_guards).values(subject=subject, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=values))
