"""Fetches catalogues and device information: after a registration, and on demand.

The last good catalogue stands until the new one is whole. An answer with holes adds and updates, takes
nothing away, and is asked for again later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.from_gb import rows_from_items
from catalog.model import CatalogRow, Device
from sipserver.devices.errors import DeviceError, DeviceOffline, NoAnswer
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceRefreshed,
    DeviceRestarted,
    DeviceWentOffline,
)
from sipserver.devices.platform_items import PlatformItems
from sipserver.devices.ports import DeviceCatalog
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.catalog_pace import CatalogPace
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.queries import QueryDesk
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.devices.stats import DeviceStats
from sipserver.devices.sync_queue import Errand, SyncQueue
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.catalog_collector import CatalogCollector, CollectedCatalog
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.catalog import CatalogItem, CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse

INLINE_ITEMS: Final = 500
"""Catalogues up to this size become rows at once, larger ones beside the event loop."""

PLATFORMS_LOOK_S: Final = 30.0
"""How often it is looked whose catalogue is due."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CatalogSyncResult:
    """What one query brought. ``complete`` is False when fragments were missing."""

    device_id: str
    complete: bool
    items: int
    sum_num: int
    duplicates: int
    missing: int


class CatalogSync:
    """One query at a time per device, a bounded number at a time in all."""

    listens_to: Final = (
        DeviceCameOnline,
        DeviceRefreshed,
        DeviceRestarted,
        DeviceConfirmed,
        DeviceWentOffline,
    )

    def __init__(
        self,
        settings: DeviceSettings,
        signalling: Signalling,
        queries: QueryDesk,
        presence: Presence,
        catalog: DeviceCatalog,
        stats: DeviceStats,
        profiles: Profiles,
        foreign: PlatformItems,
        platforms: Callable[[], Mapping[str, float]],
        *,
        is_busy: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._signalling = signalling
        self._queries = queries
        self._presence = presence
        self._catalog = catalog
        self._stats = stats
        self._profiles = profiles
        self._foreign = foreign
        self._platforms = platforms
        self._clock = clock
        self._tasks = TaskOwner("catalogues")
        # Half of them for the queue, half for people, who do not wait behind thousands of devices.
        self._slots = asyncio.Semaphore(2 * settings.catalog_syncs_at_once)
        self._running: dict[str, asyncio.Task[CatalogSyncResult]] = {}
        self._good_at: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}
        """Of platforms, by ``ask_platforms``."""
        self._queue = SyncQueue(
            self._fetch,
            at_once=settings.catalog_syncs_at_once,
            tries=1 + settings.catalog_retries,
            pause_s=settings.catalog_retry_s,
            is_busy=is_busy,
            clock=clock,
        )

    def open(self) -> None:
        """Begin to compare the catalogues of platforms now and then."""
        self._tasks.spawn(self._look_after_platforms(), "platforms")

    async def close(self) -> None:
        await self._tasks.close()
        await self._queue.close()
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    @property
    def running(self) -> list[str]:
        """Devices that are being asked."""
        return list(self._running)

    @property
    def waiting(self) -> int:
        """Devices whose catalogue is still to be asked for, those that are being asked included."""
        return len(self._queue)

    def is_awaited(self, device_id: str) -> bool:
        """Whether this device is to be asked, or asked again."""
        return device_id in self._queue

    def load(self, devices: Iterable[Device], wall: datetime) -> None:
        """Remember from before our restart whose catalogue is whole, and since when."""
        now = self._clock()
        for device in devices:
            if device.catalog_complete and device.catalog_time is not None:
                self._good_at[device.device_id] = now + (device.catalog_time - wall).total_seconds()

    def ask_platforms(self) -> None:
        """Have those platforms asked whose catalogue was not compared for so long as is set for them.

        Notifications keep it true meanwhile; what they lost is found so (gb28181.md 8.2).
        """
        now = self._clock()
        for device_id, every_s in self._platforms().items():
            last = max(self._good_at.get(device_id, -every_s), self._asked_at.get(device_id, -every_s))
            if now - last >= every_s and self._presence.is_online(device_id):
                self._asked_at[device_id] = now
                self._queue.add(device_id)

    def device_removed(self, device_id: str) -> None:
        self._asked_at.pop(device_id, None)
        self._queue.remove(device_id)
        self._good_at.pop(device_id, None)

    def listen(self, event: DeviceEvent) -> None:
        """A registration is the moment to look whether the catalogue is still true."""
        match event:
            case DeviceRefreshed(device_id) | DeviceConfirmed(device_id):
                if self._is_stale(device_id):
                    self._queue.add(device_id)
            case DeviceCameOnline(device_id) | DeviceRestarted(device_id):
                self._queue.add(device_id)
            case DeviceWentOffline(device_id, _):
                self._queue.remove(device_id)
            case _:
                pass

    async def sync(self, device_id: str) -> CatalogSyncResult:
        """Ask for the catalogue now; a query that is already running is waited for instead.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        task = self._running.get(device_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(
                self._sync(device_id), name=f"catalogue of {device_id}"
            )
            self._running[device_id] = task
            task.add_done_callback(lambda done: self._finished(device_id, done))
        return await asyncio.shield(task)

    async def query_info(self, device_id: str) -> DeviceInfoResponse:
        """Ask the device who made it, and note the answer in the catalogue.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        sn = self._signalling.next_sn()
        query = DeviceInfoQuery(sn, GbId(device_id)).to_xml()
        document = await self._queries.ask(
            device_id, "DeviceInfo", sn, query, timeout_s=self._settings.query_timeout_s
        )
        info = DeviceInfoResponse.from_xml(document.element)
        await self._presence.ensure_stored(device_id)
        await self._catalog.note_device_info(
            device_id,
            name=info.name,
            manufacturer=info.manufacturer,
            model=info.model,
            firmware=info.firmware,
        )
        self._profiles.identify(device_id, info.manufacturer, info.model, info.firmware)
        return info

    # ---------------------------------------------------------------- inside

    async def _look_after_platforms(self) -> None:
        while True:
            await asyncio.sleep(PLATFORMS_LOOK_S)
            self.ask_platforms()

    def _is_stale(self, device_id: str) -> bool:
        good_at = self._good_at.get(device_id)
        return good_at is None or self._clock() - good_at > self._settings.catalog_stale_s

    async def _fetch(self, errand: Errand) -> bool:
        """Information and catalogue after a registration; False when the device is to be asked again."""
        device_id = errand.device_id
        try:
            if errand.wants_info:
                errand.wants_info = not await self._try_info(device_id)
            return (await self.sync(device_id)).complete
        except DeviceOffline:
            return True
        except DeviceError as error:
            logger.info("catalogue of %s: %s", device_id, error)
        except (SQLAlchemyError, OSError) as error:  # the database may be away; it is asked for again
            self._stats.catalog_failures += 1
            logger.error("catalogue of %s could not be kept, will try again: %s", device_id, error)
        return False

    async def _try_info(self, device_id: str) -> bool:
        try:
            await self.query_info(device_id)
        except DeviceOffline:
            raise
        except (DeviceError, MalformedDocument) as error:
            logger.info("device information of %s: %s", device_id, error)
            return False
        return True

    async def _sync(self, device_id: str) -> CatalogSyncResult:
        async with self._slots:
            collected = await self._collect(device_id)
        await self._presence.ensure_stored(device_id)
        if len(collected.items) <= INLINE_ITEMS:
            rows = self._rows(device_id, collected.items)
        else:
            rows = await asyncio.to_thread(self._rows, device_id, collected.items)
        replaced = await self._catalog.replace_catalog(device_id, rows, collected.complete)
        if collected.complete:
            self._stats.catalogs_complete += 1
            self._good_at[device_id] = self._clock()
        else:
            self._stats.catalogs_partial += 1
        logger.info(
            "catalogue of %s: %d of %d items, %s",
            device_id,
            len(collected.items),
            collected.sum_num,
            "complete" if collected.complete else "with holes",
        )
        return CatalogSyncResult(
            device_id=device_id,
            complete=collected.complete,
            items=len(collected.items),
            sum_num=collected.sum_num,
            duplicates=collected.duplicates,
            missing=replaced.missing,
        )

    def _rows(self, device_id: str, items: Sequence[CatalogItem]) -> list[CatalogRow]:
        return rows_from_items(device_id, self._foreign.admitted(device_id, items))

    async def _collect(self, device_id: str) -> CollectedCatalog:
        sn = self._signalling.next_sn()
        settings = self._settings
        pace = CatalogPace(self._profiles, device_id, settings.catalog_quiet_s, self._clock())
        collector = CatalogCollector(sn, self._clock(), pace.quiet_s, settings.catalog_total_s)
        arrived = asyncio.Event()

        def receive(document: Document) -> None:
            try:
                response = CatalogResponse.from_xml(document.element)
            except MalformedDocument as error:
                self._stats.malformed_bodies += 1
                logger.debug("fragment of the catalogue of %s dropped: %s", device_id, error)
                return
            collector.receive(response, self._clock())
            pace.heard(self._clock())
            arrived.set()

        with self._queries.expect(device_id, "Catalog", sn, receive):
            query = CatalogQuery(sn, GbId(device_id)).to_xml()
            await self._signalling.send_document(device_id, query, timeout_s=settings.query_timeout_s)
            while (result := collector.result) is None:
                timer = collector.next_timer()
                try:
                    async with asyncio.timeout(None if timer is None else max(0.0, timer - self._clock())):
                        await arrived.wait()
                except TimeoutError:
                    collector.handle_timer(self._clock())
                arrived.clear()
        pace.ended(complete=result.complete, collected=len(result.items), announced=result.sum_num)
        if collector.fragments == 0:
            raise NoAnswer(
                f"device {device_id} took the Catalog query and sent no answer within {pace.quiet_s:g} s",
                device_id=device_id,
            )
        return result

    def _finished(self, device_id: str, task: asyncio.Task[CatalogSyncResult]) -> None:
        if self._running.get(device_id) is task:
            del self._running[device_id]
        if not task.cancelled() and task.exception() is not None:
            self._stats.catalog_failures += 1
