"""Where mobile devices are: taken from every form of report, told to listeners, written once a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from catalog.keyset import Page
from catalog.model import ChannelKey
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.features import Parts
from sipserver.devices.positions.model import (
    PositionEvent,
    PositionReported,
    PtzPositionReported,
    StoredPosition,
    VideoUploadOffered,
)
from sipserver.devices.positions.objects import Objects
from sipserver.devices.positions.store import MemoryPositionStore, PositionStore, SqlPositionStore
from sipserver.devices.positions.video_uploads import VideoUploads
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.devices.subscriptions.subscriptions import Subscriptions
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.mobile_position import MobilePositionNotify, Position
from sipserver.gb.messages.ptz_position import PtzPositionNotify
from sipserver.gb.messages.video_upload import VideoUploadNotify
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.sampled_log import SampledLog

FLUSH_S: Final = 1.0
SETTLE_S: Final = 1.0
"""How long a reader of a track waits for what came just before."""
PRUNE_S: Final = 3600.0
MAX_CAMERAS: Final = 20_000
"""Cameras whose direction is remembered."""

logger = logging.getLogger(__name__)


class Positions:
    """Notifications of kinds MobilePosition, PTZPosition and VideoUploadNotify."""

    def __init__(self, parts: Parts, subscriptions: Subscriptions) -> None:
        self.listeners: Final[list[Callable[[PositionEvent], None]]] = []
        self._settings = parts.features.positions
        self._subscriptions = subscriptions
        self._stats = parts.stats
        self._wall = parts.wall
        self._clock = parts.clock
        self._store: PositionStore = (
            MemoryPositionStore() if parts.database is None else SqlPositionStore(parts.database)
        )
        self._objects = Objects(self._settings)
        self._directions: dict[ChannelKey, PtzPositionReported] = {}
        self._uploads = VideoUploads(parts, self._settings.video_upload_hold_s)
        self._saving = asyncio.Lock()
        self._save_task: asyncio.Task[None] | None = None
        self._tasks = TaskOwner("positions")
        self._sampled_log = SampledLog(logger)
        parts.router.commands["Notify", "MobilePosition"] = self._mobile_position
        parts.router.commands["Notify", "PTZPosition"] = self._ptz_position
        parts.router.commands["Notify", "VideoUploadNotify"] = self._video_upload

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        self._objects.load(await self._store.load_latest(self._settings.objects_max))
        self._tasks.spawn(self._run(), "writer")

    async def close(self) -> None:
        await self._tasks.close()
        await self._uploads.close()
        await self.save()

    # ---------------------------------------------------------------- questions

    def latest(self, key: ChannelKey) -> StoredPosition | None:
        """The newest position of one object."""
        return self._objects.latest(key)

    def latest_of_device(self, device_id: str) -> list[StoredPosition]:
        """The newest position of each object that a device reported, by id."""
        return self._objects.of_device(device_id)

    def keys(self) -> list[ChannelKey]:
        """Every object with a position, in order."""
        return self._objects.keys()

    def direction(self, key: ChannelKey) -> PtzPositionReported | None:
        """Where a camera looks, as it last notified since our start."""
        return self._directions.get(key)

    def directions(self) -> list[PtzPositionReported]:
        """Where all cameras look that notified since our start."""
        return list(self._directions.values())

    def device_removed(self, device_id: str) -> None:
        """Its tracks stay until their time is over."""
        self._objects.forget(device_id)
        for key in [key for key in self._directions if key.device_id == device_id]:
            del self._directions[key]
        forget = partial(self._store.forget, device_id)
        self._tasks.spawn(until_written(forget, f"the removal of {device_id}"), f"removal of {device_id}")

    async def track(
        self,
        key: ChannelKey,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = 200,
    ) -> Page[StoredPosition]:
        """Where an object was.

        Raises:
            BadCursor
        """
        with suppress(TimeoutError):  # a database that is away: what is there already
            async with asyncio.timeout(SETTLE_S):
                await asyncio.shield(self._save_soon())
        return await self._store.track(key, start, end, cursor, limit)

    def _save_soon(self) -> asyncio.Task[None]:
        """The save that is under way, or a new one: those who wait share it."""
        if self._save_task is None or self._save_task.done():
            self._save_task = asyncio.ensure_future(self.save())
        return self._save_task

    async def save(self) -> None:
        """Write what came since the last time; what cannot be written is tried again."""
        async with self._saving:
            track, latest = self._objects.take_unsaved()
            if not track and not latest:
                return
            try:
                await self._store.save(track, latest)
            except (SQLAlchemyError, OSError) as error:  # the database may be away
                self._stats.positions["save failures"] += 1
                self._sampled_log.warning("cannot save %d positions: %s", len(track), error)
                self._objects.put_back(track, latest)
            except asyncio.CancelledError:
                self._objects.put_back(track, latest)
                raise
            else:
                self._stats.positions["saved"] += len(track)

    # ---------------------------------------------------------------- commands

    def _mobile_position(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        """Flat or list, by NOTIFY or by MESSAGE (GB-C079, Q47)."""
        self._heard(entry, incoming, Kind.MOBILE_POSITION)
        try:
            notify = MobilePositionNotify.from_xml(document.element)
        except MalformedDocument:
            self._stats.malformed_bodies += 1
            return
        self._stats.positions["unusable"] += notify.unusable
        for position in notify.positions:
            self._take(entry.device_id, position)

    def _ptz_position(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        self._heard(entry, incoming, Kind.PTZ_POSITION)
        try:
            notify = PtzPositionNotify.from_xml(document.element)
        except MalformedDocument:
            self._stats.malformed_bodies += 1
            return
        key = ChannelKey(entry.device_id, notify.device_id)
        if key not in self._directions and len(self._directions) >= MAX_CAMERAS:
            del self._directions[next(iter(self._directions))]
        event = PtzPositionReported(entry.device_id, notify.device_id, notify.position, self._wall())
        self._directions[key] = event
        self._tell(event)

    def _video_upload(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        try:
            notify = VideoUploadNotify.from_xml(document.element)
        except MalformedDocument:
            self._stats.malformed_bodies += 1
            return
        self._stats.positions["video uploads"] += 1
        self._take(
            entry.device_id, Position(notify.device_id, notify.time, notify.longitude, notify.latitude)
        )
        self._tell(
            VideoUploadOffered(
                entry.device_id,
                notify.device_id,
                notify.time or self._wall(),
                notify.longitude,
                notify.latitude,
            )
        )
        self._uploads.offered(ChannelKey(entry.device_id, notify.device_id))

    # ---------------------------------------------------------------- inside

    def _heard(self, entry: DeviceEntry, incoming: IncomingRequest, kind: Kind) -> None:
        if incoming.request.method == "MESSAGE":
            self._subscriptions.heard(entry.device_id, kind)

    def _take(self, device_id: str, position: Position) -> None:
        """A place without a fix is no place (Q48); its owner is always the device that sent it."""
        if position.longitude is None or position.latitude is None:
            self._stats.positions["without fix"] += 1
            return
        now = self._wall()
        stored = StoredPosition(
            device_id=device_id,
            object_id=position.device_id or device_id,
            time=position.time or now,
            longitude=position.longitude,
            latitude=position.latitude,
            speed_kmh=position.speed_kmh,
            direction_deg=position.direction_deg,
            altitude_m=position.altitude_m,
            height_m=position.height_m,
            received_time=now,
        )
        if not self._objects.take(stored):
            self._stats.positions["too many objects"] += 1
            return
        self._stats.positions["taken"] += 1
        self._tell(PositionReported(stored))

    def _tell(self, event: PositionEvent) -> None:
        for listener in self.listeners:
            listener(event)

    async def _run(self) -> None:
        prune_at = self._clock()
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.save()
            if self._clock() >= prune_at:
                prune_at = self._clock() + PRUNE_S
                await self._prune()

    async def _prune(self) -> None:
        try:
            removed = await self._store.prune(self._wall() - timedelta(days=self._settings.keep_days))
        except (SQLAlchemyError, OSError) as error:
            self._sampled_log.warning("cannot remove old positions: %s", error)
            return
        if removed:
            self._stats.positions["pruned"] += removed
            logger.info("%d old positions removed", removed)
