"""What superiors did and what they were refused, into the audit log (gb28181.md 8.8).

A superior never waits for the log, and a flood of the same is one entry with a number.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from access.audit import Outcome
from access.errors import AuditBehind
from cascade.stats import CascadeStats
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest

MAX_WAITING: Final = 1_000
REPEATED_WITHIN_S: Final = 60.0
MAX_REMEMBERED: Final = 1_000
MAX_REFUSALS: Final = 200
MAX_ACTS: Final = 1_000
"""Of one actor that are written within that time; those beyond are one entry with a number."""
MAX_IDENTITY: Final = 256

logger = logging.getLogger(__name__)


class Book(Protocol):
    """The audit log; see ``access.audit.AuditLog``."""

    async def record(
        self,
        action: str,
        *,
        actor: str = ...,
        target: str = ...,
        outcome: Outcome = ...,
        source: str = ...,
        detail: Mapping[str, object] | None = ...,
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for something, as far as the superior says it."""

    source: str = ""
    user: str = ""
    """Of the superior: Monitor-User-Identity (gb28181.md 2.9), Subject's receiver, or the name in From."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    actor: str
    action: str
    target: str
    outcome: Outcome
    asker: Asker
    detail: Mapping[str, object] = field(default_factory=dict)
    often: bool = False
    """Repetitions within a while are counted instead of written; those of refusals always are."""

    @property
    def sameness(self) -> tuple[object, ...]:
        detail = self.detail
        return (
            self.actor, self.action, self.target, self.outcome, self.asker.user, detail.get("reason"),
            detail.get("command"),
        )  # fmt: skip


def asker_of(incoming: IncomingRequest, superior_id: str) -> Asker:
    """Who stands behind a request of a superior."""
    return Asker(incoming.flow.remote[0], _user(incoming.request, superior_id)[:MAX_IDENTITY])


def _user(request: SipRequest, superior_id: str) -> str:
    if identity := request.headers.get("Monitor-User-Identity").strip():
        return identity
    receiver = request.headers.get("Subject").partition(",")[2].partition(":")[0].strip()
    if receiver.isalnum() and receiver != superior_id:
        return receiver
    return request.from_.display


class Trail:
    """Writes entries in their order, behind those who make them."""

    def __init__(self, book: Book, clock: Callable[[], float], stats: CascadeStats | None = None) -> None:
        self._stats = stats or CascadeStats()
        self._book = book
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._came = asyncio.Event()
        self._is_closing = False
        self._repeated: dict[tuple[object, ...], tuple[float, int]] = {}
        self._counts: dict[tuple[str, bool], tuple[float, int]] = {}
        """Of each actor, refusals and others: since when, and how many."""
        self._task: asyncio.Task[None] | None = None

    @property
    def lost(self) -> int:
        """Entries that were not written: too many waited, or the database was away."""
        return self._stats.audit_entries_lost

    def open(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._write(), name="audit of superiors")

    async def close(self) -> None:
        """Write what waits, and no longer than it takes the log to say that it is behind."""
        if self._task is None:
            return
        self._is_closing = True
        self._came.set()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def note(self, entry: Entry) -> None:
        """Write an entry some time soon."""
        detail = dict(entry.detail)
        if entry.often or entry.outcome is Outcome.REFUSED:
            before = self._count(entry)
            if before is None:
                return
            if before:
                detail["repeated"] = before
        if not self._has_room(entry):
            return
        if entry.asker.user:
            detail["user"] = entry.asker.user
        self._append(replace(entry, detail=detail))

    # ---------------------------------------------------------------- inside

    def _has_room(self, entry: Entry) -> bool:
        """Whether this is still to be written; a flood of different ones is summed up."""
        is_refusal = entry.outcome is Outcome.REFUSED
        now, most = self._clock(), MAX_REFUSALS if is_refusal else MAX_ACTS
        since, count = self._counts.get((entry.actor, is_refusal), (now, 0))
        if now - since >= REPEATED_WITHIN_S:
            if count > most:
                self._sum_up(entry, count - most)
            since, count = now, 0
        self._counts[entry.actor, is_refusal] = (since, count + 1)
        return count < most

    def _sum_up(self, entry: Entry, left_out: int) -> None:
        detail = {"left_out": left_out}
        self._append(Entry(entry.actor, "superior.flood", "", entry.outcome, entry.asker, detail))

    def _append(self, entry: Entry) -> None:
        if self._is_closing or len(self._waiting) >= MAX_WAITING:
            self._stats.audit_entries_lost += 1
            return
        self._waiting.append(entry)
        self._came.set()

    def _count(self, entry: Entry) -> int | None:
        """How often it was not written since it was; None when it is not its turn."""
        now = self._clock()
        since, before = self._repeated.get(entry.sameness, (now - REPEATED_WITHIN_S, 0))
        if now - since < REPEATED_WITHIN_S:
            self._repeated[entry.sameness] = (since, before + 1)
            return None
        if len(self._repeated) >= MAX_REMEMBERED:
            self._repeated.clear()
        self._repeated[entry.sameness] = (now, 0)
        return before

    async def _write(self) -> None:
        while self._waiting or not self._is_closing:
            if not self._waiting:
                await self._came.wait()
                self._came.clear()
                continue
            await self._put(self._waiting.popleft())

    async def _put(self, entry: Entry) -> None:
        try:
            await self._book.record(
                entry.action,
                actor=entry.actor,
                target=entry.target,
                outcome=entry.outcome,
                source=entry.asker.source,
                detail=entry.detail,
            )
        except AuditBehind as error:
            self._stats.audit_entries_lost += 1
            logger.warning("an entry about %s is not in the audit log: %s", entry.actor, error)
        except Exception:
            self._stats.audit_entries_lost += 1
            logger.exception("an entry about %s is not in the audit log", entry.actor)
