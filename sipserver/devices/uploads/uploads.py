"""Files that pass between devices and us: stills up, firmware down. The face of this package."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sipserver.devices.configuration.configuration import Configuration
from sipserver.devices.events import DeviceCameOnline, DeviceEvent, DeviceRestarted
from sipserver.devices.features import Parts
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.uploads.memory_store import MemoryUploadStore
from sipserver.devices.uploads.model import SnapshotPicture
from sipserver.devices.uploads.place import Place
from sipserver.devices.uploads.ports import Outside
from sipserver.devices.uploads.snapshots import Snapshots
from sipserver.devices.uploads.store import SqlUploadStore, UploadStore
from sipserver.devices.uploads.upgrades import QueryInfo, Upgrades
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.snapshot import UploadSnapShotFinished

CLEAN_EVERY_S: Final = 3600.0
STRAYS_MAX: Final = 100
"""More files without a row than this, and more than half of all: no debris, the database was replaced."""

Elsewhere = Callable[[str, UploadSnapShotFinished | DeviceUpgradeResult], bool]

logger = logging.getLogger(__name__)


class Uploads:
    """Connects the two parts to their store and keeps the disk clean."""

    listens_to: Final = (DeviceCameOnline, DeviceRestarted)

    def __init__(self, parts: Parts, configuration: Configuration, query_info: QueryInfo) -> None:
        self.settings: Final = parts.features.uploads
        self._store: UploadStore = (
            MemoryUploadStore() if parts.database is None else SqlUploadStore(parts.database)
        )
        self._place = Place(parts, self.settings)
        self.snapshots: Final = Snapshots(parts, self.settings, configuration, self._store, self._place)
        self.upgrades: Final = Upgrades(parts, self.settings, self._store, self._place, query_info)
        self._tasks = TaskOwner("uploads")
        self.elsewhere: Final[list[Elsewhere]] = []
        """Whoever has devices report to others: offered what was not begun here, until one says True."""
        self.snapshots.elsewhere = self.upgrades.elsewhere = self._offer

    def connect(self, outside: Outside) -> None:
        """Before :meth:`open`: where files lie, and on which port devices bring and fetch them."""
        self._place.connect(outside)

    async def open(self) -> None:
        if self._place.is_connected:
            await self._delete_strays()
            self._tasks.spawn(self._clean(), "clean")
        await self.snapshots.open()
        await self.upgrades.open()

    async def close(self) -> None:
        await self._tasks.close()
        await self.snapshots.close()
        await self.upgrades.close()

    def device_removed(self, device_id: str) -> None:
        """What it brought stays until its time is over; nothing more is waited for."""
        self.snapshots.device_removed(device_id)
        self.upgrades.device_removed(device_id)

    def listen(self, event: DeviceEvent) -> None:
        self.upgrades.listen(event)

    def _offer(self, device_id: str, report: UploadSnapShotFinished | DeviceUpgradeResult) -> bool:
        return any(take(device_id, report) for take in self.elsewhere)

    def path_of(self, picture: SnapshotPicture) -> Path:
        """Where the file of a picture lies."""
        return self._place.files.path(picture.blob)

    async def _clean(self) -> None:
        while True:
            try:
                deleted = await self.snapshots.forget_before_days(self.settings.picture_days)
                if deleted:
                    logger.info(
                        "%d bursts of stills were older than %d days", deleted, self.settings.picture_days
                    )
            except Exception:  # old pictures are a lesser evil than a cleaner that is dead
                logger.exception("old stills could not be deleted, will try again")
            await asyncio.sleep(CLEAN_EVERY_S)

    async def _delete_strays(self) -> None:
        """Files that were written and whose row was not, because the process died in between."""
        known = await self._store.blobs()
        names = await self._place.files.names()
        strays = [name for name in names if name not in known]
        if len(strays) > STRAYS_MAX and len(strays) > len(names) / 2:
            logger.warning(
                "%d of %d uploaded files stand in no table; they are left alone", len(strays), len(names)
            )
            return
        for name in strays:
            await self._place.files.delete(name)
