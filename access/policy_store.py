"""The queries on policies."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from access.hours import Hours
from access.rights import Grant, Limits, Policy, Right, Scope, ScopeKind, StreamChoice
from access.tables import grants, limits


class PolicyStore:
    """Grants and limits in SQL; see ``rights.Policies``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self) -> Mapping[str, Policy]:
        """Every subject about which something was decided."""
        found: dict[str, list[Grant]] = defaultdict(list)
        async with self._engine.connect() as connection:
            for row in await connection.execute(select(grants).order_by(grants.c.subject, grants.c.position)):
                actions = frozenset(Right(each) for each in row.actions.split())
                hours = tuple(Hours(tuple(days), start, end) for days, start, end in json.loads(row.hours))
                found[row.subject].append(Grant(actions, Scope(ScopeKind(row.scope), row.value), hours))
            return {
                row.subject: Policy(
                    tuple(found[row.subject]),
                    Limits(row.streams, row.kbps, StreamChoice(row.stream), row.priority),
                )
                for row in await connection.execute(select(limits))
            }

    async def replace(self, subject: str, policy: Policy) -> None:
        """Write down what was decided, in place of what was."""
        bounds = policy.limits
        rows = [_row(subject, position, grant) for position, grant in enumerate(policy.grants)]
        async with self._engine.begin() as connection:
            for table in (grants, limits):
                await connection.execute(delete(table).where(table.c.subject == subject))
            await connection.execute(
                insert(limits).values(
                    subject=subject,
                    streams=bounds.streams,
                    kbps=bounds.kbps,
                    stream=bounds.stream.value,
                    priority=bounds.priority,
                )
            )
            if rows:
                await connection.execute(insert(grants), rows)

    async def remove(self, subject: str) -> None:
        """Forget it; nothing happens when it is not there."""
        async with self._engine.begin() as connection:
            for table in (grants, limits):
                await connection.execute(delete(table).where(table.c.subject == subject))


def _row(subject: str, position: int, grant: Grant) -> dict[str, object]:
    return {
        "subject": subject,
        "position": position,
        "actions": " ".join(sorted(grant.actions)),
        "scope": grant.scope.kind.value,
        "value": grant.scope.value,
        "hours": json.dumps([[each.weekdays, each.start_minute, each.end_minute] for each in grant.hours]),
    }
