"""Catalogue notifications on their way into the catalogue."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.columns import DATABASE_AWAY
from catalog.errors import CatalogError
from catalog.from_notify import change_from_event
from catalog.notified import CatalogChange, CatalogChanged
from sipserver.devices.errors import UnknownDevice
from sipserver.devices.ports import DeviceCatalog
from sipserver.devices.presence import Presence
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.catalog_queries import CatalogQueries
from sipserver.devices.tasks import TaskOwner
from sipserver.gb import manscdp
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import read_events

MAX_WAITING: Final = 50_000
"""Items that may wait for the database; beyond that the device is asked for its whole catalogue later."""
MAX_AT_ONCE: Final = 10_000
"""Changes after which a transaction takes no further notification."""
SLICE: Final = 100
"""Items that are read before SIP and the pages get their turn."""
RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 30.0

logger = logging.getLogger(__name__)

CatalogListener = Callable[[str, CatalogChanged], None]


class CatalogEvents:
    """Writes in the order of arrival, what waits for one device in one transaction; never on the SIP path."""

    def __init__(
        self,
        catalog: DeviceCatalog,
        presence: Presence,
        queries: CatalogQueries,
        stats: DeviceStats,
        is_admitted: Callable[[str, CatalogItem], bool] = lambda *_: True,
    ) -> None:
        self._is_admitted = is_admitted
        self.listeners: Final[list[CatalogListener]] = []
        self._catalog = catalog
        self._presence = presence
        self._queries = queries
        self._stats = stats
        self._waiting: deque[tuple[str, Element, int]] = deque()
        self._waiting_items = 0
        self._arrived = asyncio.Event()
        self._tasks = TaskOwner("catalogue notifications")

    def open(self) -> None:
        self._tasks.spawn(self._run(), "writer")

    async def close(self) -> None:
        """What still waits is not written: the catalogue is asked for after the next start."""
        await self._tasks.close()

    def receive(self, device_id: str, notify: Element) -> None:
        """Queue one notification; its items are read later, a few at a time."""
        items = len(manscdp.list_items(notify))
        if self._waiting_items + items > MAX_WAITING:
            self._stats.catalog_changes["dropped"] += items
            self._queries.ask(device_id, "too many changes wait to be stored")
            return
        if items:
            self._waiting.append((device_id, notify, items))
            self._waiting_items += items
            self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                device_id = self._waiting[0][0]
                changes = await self._read(device_id)
                if changes:
                    await self._apply(device_id, changes)

    async def _read(self, device_id: str) -> list[CatalogChange]:
        """Everything at the head of the queue that is about one device."""
        changes: list[CatalogChange] = []
        while self._waiting and self._waiting[0][0] == device_id and len(changes) < MAX_AT_ONCE:
            _, notify, items = self._waiting.popleft()
            self._waiting_items -= items
            for number, event in enumerate(read_events(notify)):
                if event is None:
                    self._stats.catalog_changes["unusable"] += 1
                elif not self._is_admitted(device_id, event.item):
                    self._stats.catalog_changes["refused"] += 1
                else:
                    changes.append(change_from_event(device_id, event))
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
        return changes

    async def _apply(self, device_id: str, changes: list[CatalogChange]) -> None:
        try:
            changed = await self._store(device_id, changes)
        except UnknownDevice:
            return  # it was removed meanwhile
        except (CatalogError, SQLAlchemyError, OSError) as error:
            self._stats.catalog_changes["failed"] += len(changes)
            logger.error("%d catalogue changes of %s are not stored: %s", len(changes), device_id, error)
            self._queries.ask(device_id, "its changes could not be stored")
            return
        for what in ("added", "updated", "removed", "statuses"):
            self._stats.catalog_changes[what] += getattr(changed, what)
        if changed.unknown:
            self._stats.catalog_changes["unknown"] += len(changed.unknown)
            self._queries.ask(device_id, f"{changed.unknown[0]} is notified and not in the catalogue")
        if changed.orphaned:
            self._queries.ask(device_id, f"{changed.orphaned} items went with what they hung under")
        for listener in self.listeners:
            listener(device_id, changed)

    async def _store(self, device_id: str, changes: list[CatalogChange]) -> CatalogChanged:
        """Again and again while the database is away; what comes meanwhile waits in its order."""
        pause_s = RETRY_MIN_S
        while True:
            try:
                await self._presence.ensure_stored(device_id)
                return await self._catalog.apply_events(device_id, changes)
            except DATABASE_AWAY as error:
                logger.warning("%d catalogue changes of %s wait: %s", len(changes), device_id, error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MAX_S)
