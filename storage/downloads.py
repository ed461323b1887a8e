"""Downloads of recordings from devices into files of ours: asked for, looked at, cancelled, deleted.

Each is one task (``download_task``). What is under way survives a restart.
"""

import asyncio
import logging
import secrets
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey
from storage.clock import Clock, SystemClock
from storage.disk import DiskWatch
from storage.download_model import Download, DownloadPart, DownloadState, Progress
from storage.download_store import DownloadStore
from storage.download_task import DownloadParts, DownloadSource, DownloadTask, directory_of
from storage.errors import DownloadNotFound, DownloadPartGone, DownloadRefused
from storage.files import segment_file
from storage.settings import StorageSettings

KEEP_EVERY_S: Final = 3600.0
KEEP_BATCH: Final = 100

log = logging.getLogger(__name__)


class Downloads:
    """All downloads: queued, under way, and those whose files are kept."""

    def __init__(
        self,
        settings: StorageSettings,
        engine: AsyncEngine,
        source: DownloadSource,
        disk: DiskWatch,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._store = DownloadStore(engine)
        self._disk = disk
        self._clock = clock or SystemClock()
        slots = asyncio.Semaphore(settings.downloads_at_once)
        self._parts = DownloadParts(settings, self._store, source, disk, self._clock, slots)
        self._running: dict[str, tuple[DownloadTask, asyncio.Task[None]]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Go on with what a former run left."""
        for download in await self._store.unfinished():
            self._begin(download)
        self._keeper = asyncio.create_task(self._keep(), name="downloads keeper")

    async def close(self) -> None:
        """Close the files in hand; what is not finished goes on at the next start."""
        tasks = [task for _, task in self._running.values()]
        if self._keeper is not None:
            tasks.append(self._keeper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def start(
        self,
        key: ChannelKey,
        start: datetime,
        end: datetime,
        *,
        speed: int,
        requested_by: str,
        record_type: str = "all",
        uri: str = "",
    ) -> Download:
        """Ask for a download; it is queued when others run already.

        Raises:
            DownloadRefused: the interval is empty or too long, or too many wait.
            DiskFull: free space is below the floor.
        """
        longest = timedelta(hours=self._settings.download_hours_max)
        if not timedelta(0) < end - start <= longest:
            raise DownloadRefused(f"a download covers more than nothing and at most {longest}")
        if len(self._running) >= self._settings.downloads_waiting_max:
            raise DownloadRefused(f"{len(self._running)} downloads are under way or wait already")
        self._disk.require_room()
        download = Download(
            download_id=secrets.token_hex(16),
            key=key,
            start_time=start,
            end_time=end,
            speed=speed,
            record_type=record_type,
            uri=uri,
            requested_by=requested_by,
            requested_time=self._clock.wall(),
            state=DownloadState.QUEUED,
        )
        await self._store.add(download)
        self._begin(download)
        return download

    async def get(self, download_id: str) -> Download:
        """Raises DownloadNotFound."""
        running = self._running.get(download_id)
        found = running[0].download if running is not None else await self._store.get(download_id)
        if found is None:
            raise DownloadNotFound(download_id)
        return found

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[Download]:
        """Newest first, those below ``after`` (requested_time, download_id)."""
        rows = await self._store.page(after, limit)
        return [self._newest(row) for row in rows]

    async def parts(self, downloads: Iterable[Download]) -> Mapping[str, list[DownloadPart]]:
        """Files by download, in the order in which they play."""
        found: dict[str, list[DownloadPart]] = {download.download_id: [] for download in downloads}
        for part in await self._store.parts(found):
            found[part.download_id].append(part)
        return found

    def progress(self, download: Download) -> Progress:
        running = self._running.get(download.download_id)
        if running is not None:
            return running[0].progress()
        is_whole = download.state is DownloadState.COMPLETE
        covered_s = min(download.covered_s, download.duration_s)
        return Progress(covered_s, 1.0 if is_whole else covered_s / download.duration_s, 0, None)

    async def file(self, download_id: str, part_id: str) -> tuple[DownloadPart, Path]:
        """A part and its file: asked for by id only, never by a path.

        Raises:
            DownloadNotFound: no such download or part.
            DownloadPartGone: the file is not on the disk.
        """
        for part in await self._store.parts([download_id]):
            if part.part_id == part_id:
                file = segment_file(self._settings.path, part.path)
                if not await asyncio.to_thread(file.is_file):
                    raise DownloadPartGone(part_id)
                return part, file
        raise DownloadNotFound(f"{download_id}/{part_id}")

    async def cancel(self, download_id: str) -> Download:
        """End a download; what has come is kept. One that is finished stays as it is.

        Raises:
            DownloadNotFound
        """
        running = self._running.get(download_id)
        if running is not None:
            running[0].cancel()
            await asyncio.wait({running[1]})
        return await self.get(download_id)

    async def remove(self, download_id: str) -> None:
        """End it, and delete its files and its row.

        Raises:
            DownloadNotFound
        """
        await self._remove(await self.cancel(download_id))

    def device_came_back(self, device_id: str) -> None:
        """Downloads that wait for their next attempt need not wait when their device is back."""
        for working, _ in self._running.values():
            if working.download.key.device_id == device_id:
                working.retry_now()

    # ------------------------------------------------------------------ inside

    def _begin(self, download: Download) -> None:
        turn = self._turns.setdefault(download.key.device_id, asyncio.Lock())
        working = DownloadTask(download, self._parts, turn)
        task = asyncio.create_task(working.run(), name=f"download {download.download_id}")
        self._running[download.download_id] = (working, task)
        task.add_done_callback(lambda _: self._ended(download))

    def _newest(self, row: Download) -> Download:
        running = self._running.get(row.download_id)
        return row if running is None else running[0].download

    def _ended(self, download: Download) -> None:
        self._running.pop(download.download_id, None)
        device_id = download.key.device_id
        if not any(other.download.key.device_id == device_id for other, _ in self._running.values()):
            self._turns.pop(device_id, None)

    async def _remove(self, download: Download) -> None:
        directory = directory_of(self._settings.path, download.download_id)
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        await self._store.remove(download.download_id)

    async def _keep(self) -> None:
        """Delete what was kept long enough."""
        while True:
            try:
                limit = self._clock.wall() - timedelta(days=self._settings.downloads_keep_days)
                for download in await self._store.finished_before(limit, KEEP_BATCH):
                    await self._remove(download)
            except Exception:
                log.exception("old downloads could not be deleted, will try again")
            await self._clock.sleep(KEEP_EVERY_S)
