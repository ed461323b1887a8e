"""Alarms on their way to the store: taken on the SIP path, written in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.alarms.model import Alarm, AlarmAction
from sipserver.devices.alarms.store import AlarmBatch, AlarmStore
from sipserver.devices.stats import DeviceStats

MAX_WAITING: Final = 20_000
"""Alarms, repeats and actions that wait while the database does not answer; more are lost, and counted."""
SETTLE_S: Final = 1.0
"""How long a reader waits for what came just before; in a database that is away it finds what is there."""

logger = logging.getLogger(__name__)


class AlarmJournal:
    """The only writer of alarms. ``changed`` hears the ids of repeated alarms, at most once per flush."""

    def __init__(
        self, store: AlarmStore, stats: DeviceStats, changed: Callable[[list[str]], None] | None = None
    ) -> None:
        self._store = store
        self._stats = stats
        self._changed = changed
        self._waiting = AlarmBatch()
        self._flushing = asyncio.Lock()
        self._settling: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def raised(self, alarm: Alarm) -> None:
        """A new alarm."""
        if self._has_room():
            self._waiting.alarms[alarm.alarm_id] = alarm

    def repeated(self, alarm_id: str, now: datetime) -> None:
        """The same alarm again."""
        more, _ = self._waiting.repeats.get(alarm_id, (0, now))
        if more or self._has_room():
            self._waiting.repeats[alarm_id] = (more + 1, now)

    def acted(self, action: AlarmAction) -> None:
        """A linked action began or ended."""
        key = (action.alarm_id, action.number)
        if key in self._waiting.actions or self._has_room():
            self._waiting.actions[key] = action

    async def flush(self) -> None:
        """Store what came since; what cannot be stored now is tried again with the next flush."""
        async with self._flushing:
            if not len(self._waiting):
                return
            batch, self._waiting = self._waiting, AlarmBatch()
            try:
                await self._store.save(batch)
            except (SQLAlchemyError, OSError) as error:
                self._stats.alarm_save_failures += 1
                logger.error("%d alarms could not be stored, will try again: %s", len(batch), error)
                self._take_back(batch)
                return
            except BaseException:
                self._take_back(batch)
                raise
        self._stats.alarms_saved += len(batch.alarms)
        if self._changed is not None and batch.repeats:
            self._changed(list(batch.repeats))

    async def settle(self) -> None:
        """What came so far is stored when this returns, or the database had its time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                for _ in range(2):  # one that is under way may have begun too early
                    if not len(self._waiting) and not self._flushing.locked():
                        return
                    if self._settling is None or self._settling.done():
                        self._settling = asyncio.ensure_future(self.flush())
                    await asyncio.shield(self._settling)

    def _take_back(self, batch: AlarmBatch) -> None:
        """Put an unsaved batch before what came meanwhile."""
        newer, self._waiting = self._waiting, batch
        for alarm in newer.alarms.values():
            self.raised(alarm)
        for alarm_id, (more, last) in newer.repeats.items():
            before, _ = batch.repeats.get(alarm_id, (0, last))
            batch.repeats[alarm_id] = (before + more, last)
        batch.actions.update(newer.actions)

    def _has_room(self) -> bool:
        if len(self._waiting) < MAX_WAITING:
            return True
        self._stats.alarms_lost += 1
        return False
