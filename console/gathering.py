"""Gathers what all rooms know into the figures of the overview, the rates and the metrics.

The catalogue is read in pages and kept for a while, so that a scrape of twenty thousand cameras neither
blocks the loop nor asks the database each time; states come from the rooms' memory, as new as the scrape.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from catalog.model import Channel
from catalog.store import CatalogStore
from console.api.models import Overview, RateLine, Rates
from console.api.ports import Presence, StreamFigures, Streams
from console.api.views import is_channel_online
from health.exposition import Exposition
from health.inputs import Camera, Totals
from health.rates import ONLINE_RATE_FORMULA, OnlineRate, online_rates
from media.session import MediaPlane
from storage.service import StorageService

CATALOG_KEPT_S: Final = 10.0
PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is out now."""

    outages_open: Mapping[str, int]
    sites_out: int
    clocks_drifting: int
    superiors: int = 0
    superiors_online: int = 0


class Gathering:
    """Reads; changes nothing. It is the ``HealthSource`` of the metrics."""

    def __init__(
        self,
        catalog: CatalogStore,
        streams: Streams,
        storage: StorageService,
        exposition: Exposition,
        counters: Callable[[], Mapping[str, object]],
        troubles: Callable[[], Troubles],
        media: MediaPlane,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._streams = streams
        self._storage = storage
        self._exposition = exposition
        self.counters: Final = counters
        self._troubles = troubles
        self._media = media
        self._clock = clock
        self._channels: list[Channel] = []
        self._devices = 0
        self._read_at: float | None = None
        self._reading: Final = asyncio.Lock()

    async def rates(self) -> Rates:
        """The online rate by class, now."""
        await self._refresh()
        items = [_rate_line(line) for line in online_rates(self.cameras())]
        return Rates(as_of=datetime.now(UTC), formula=ONLINE_RATE_FORMULA["en"], items=items)

    async def overview(self) -> Overview:
        """The head line of the page."""
        await self._refresh()
        cameras = online_rates(self.cameras())[0]
        totals = self.totals()
        return Overview(
            devices=totals.devices or 0,
            devices_online=totals.devices_online or 0,
            cameras=cameras.cameras,
            cameras_online=cameras.online,
            online_rate=cameras.rate,
            formula=ONLINE_RATE_FORMULA["en"],
            streaming=totals.media_sessions or 0,
            viewers=totals.media_viewers or 0,
            recordings=totals.recorders or 0,
            recordings_wanted=totals.recordings_wanted or 0,
            segments=totals.storage_segments,
            recorded_bytes=totals.storage_recorded_bytes,
            disk_total_bytes=totals.storage_disk_bytes,
            disk_free_bytes=totals.storage_disk_free_bytes,
            disk_writable=totals.storage_writable,
        )

    async def metrics(self) -> bytes:
        """One scrape."""
        await self._refresh()
        return await self._exposition.render(self)

    def cameras(self) -> Iterator[Camera]:
        """One camera after the other, each built when it is asked for."""
        streams, presences = self._streams.figures(), self._streams.presences()
        for channel in self._channels:
            yield self._camera(channel, streams.get(channel.key), presences.get(channel.device_id))

    def totals(self) -> Totals:
        streams, stored, troubles = self._streams.figures(), self._storage.snapshot(), self._troubles()
        return Totals(
            devices=self._devices,
            devices_online=sum(presence.online for presence in self._streams.presences().values()),
            media_sessions=len(streams),
            media_viewers=sum(figures.viewers for figures in streams.values()),
            media_bitrate_bps=sum(figures.bitrate_bps or 0.0 for figures in streams.values()),
            media_stalled=sum(figures.stall is not None for figures in streams.values()),
            media_ports_in_use=self._media.ports_in_use,
            media_senders=sum(len(session.senders) for session in self._media.sessions.values()),
            recorders=stored.recording,
            recordings_wanted=stored.desired,
            storage_segments=stored.segments,
            storage_recorded_bytes=stored.size_bytes,
            storage_disk_bytes=stored.total_bytes,
            storage_disk_free_bytes=stored.free_bytes,
            storage_writable=not stored.disk_full,
            outages_open=troubles.outages_open,
            sites_out=troubles.sites_out,
            clocks_drifting=troubles.clocks_drifting,
            superiors=troubles.superiors,
            superiors_online=troubles.superiors_online,
        )

    def _camera(self, channel: Channel, figures: StreamFigures | None, presence: Presence | None) -> Camera:
        return Camera(
            device_id=channel.device_id,
            channel_id=channel.channel_id,
            name=channel.shown_name,
            manufacturer=channel.manufacturer,
            model=channel.model,
            camera_class=channel.camera_class,
            priority=channel.priority.value,
            retention_class=channel.retention_class.value,
            civil_code=channel.civil_code,
            online=is_channel_online(channel, figures, presence),
            streaming=figures is not None,
            recording=self._storage.recorder.is_recording(channel.key),
            bitrate_bps=figures.bitrate_bps if figures else None,
            fps=figures.fps if figures else None,
            packet_loss_ratio=figures.packet_loss_ratio if figures else None,
            keyframe_age_s=figures.keyframe_age_s if figures else None,
            last_keepalive_age_s=presence.keepalive_age_s if presence else None,
        )

    async def _refresh(self) -> None:
        # Whoever comes while the first reading is under way waits for it: an empty catalogue would be a lie.
        async with self._reading:
            now = self._clock()
            if self._read_at is not None and now - self._read_at < CATALOG_KEPT_S:
                return
            channels: list[Channel] = []
            cursor: str | None = None
            while True:
                page = await self._catalog.list_channels(None, cursor, PAGE)
                channels += page.items
                if (cursor := page.next) is None:
                    break
            self._channels = channels
            self._devices = (await self._catalog.counts()).devices
            self._read_at = now


def _rate_line(line: OnlineRate) -> RateLine:
    name = line.camera_class
    return RateLine(
        scope=f"class {name}" if name.isdigit() else name,
        cameras=line.cameras,
        online=line.online,
        online_rate=line.rate,
    )
