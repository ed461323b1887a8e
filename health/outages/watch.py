"""Feeds the book of outages with what happens to devices, and keeps what it says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from health.outages.book import Loss, OutageBook
from health.outages.model import Cause, Outage, SiteOutage
from health.outages.settings import OutageSettings
from health.outages.sites import UNKNOWN_SITE, Sites
from health.outages.store import OutageStore
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceWentOffline,
    RegistrationRefused,
)
from sipserver.devices.presence_state import OfflineReason

TURN_S: Final = 2.0
LOG_SITES: Final = "site %s is out (%s): %s"
LEAVING: Final = frozenset({OfflineReason.UNREGISTERED, OfflineReason.BLOCKED})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the watch asks about a device, at the moment of an event."""

    host: str
    call_id: str
    heard_at: float
    keepalive_age_s: float | None
    """None: it never sent one."""
    silence_allowed_s: float
    media_age_s: float | None
    """Since the last packet of one of its streams; None: no stream is open."""


class DeviceSource(Protocol):
    """Where the facts come from."""

    def facts(self, device_id: str) -> DeviceFacts | None: ...
    def streaming_devices(self) -> Iterable[str]:
        """Devices of which a stream is open now."""


@dataclass(slots=True)
class OutageStats:
    """Totals since the start."""

    devices_lost: int = 0
    sites_lost: int = 0
    save_failures: int = 0


class OutageWatch:
    """One for the platform. ``listen`` is given every event of the devices."""

    def __init__(
        self,
        settings: OutageSettings,
        source: DeviceSource,
        store: OutageStore,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.stats: Final = OutageStats()
        self.book: Final = OutageBook(settings, secrets.token_hex(6))
        self._settings = settings
        self._sites = Sites(settings)
        self._source = source
        self.store: Final = store
        self._clock = clock
        self._wall = wall
        self._unsaved: tuple[list[Outage], list[SiteOutage]] = ([], [])
        self._task: asyncio.Task[None] | None = None

    # ---------------------------------------------------------------- life

    async def open(self, online: Iterable[str]) -> None:
        """Take over what was out. ``online``: the devices that presence restored."""
        there = set(online)
        now, wall = self._clock(), self._wall()
        for device_id in there:
            self._came(device_id)
        for outage in await self.store.load_open():
            if outage.channel_id or outage.device_id in there:
                # What a channel lacked, or a device that came back meanwhile, is seen anew.
                self._unsaved[0].append(replace(outage, ended_time=wall))
                continue
            heard_at = now - (wall - outage.began_time).total_seconds()
            self.book.resume(outage, Loss(outage.device_id, outage.site, outage.evidence, heard_at, ""))
        await self.store.close_sites(wall)
        await self.store.forget_before(wall - timedelta(days=self._settings.keep_days))
        self._task = asyncio.create_task(self._run(), name="outages")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.save()

    # ---------------------------------------------------------------- news

    def listen(self, event: DeviceEvent) -> None:
        match event:
            case DeviceCameOnline(device_id) | DeviceConfirmed(device_id):
                self._came(device_id)
            case DeviceWentOffline(device_id, reason):
                self._lost(device_id, reason)
            case RegistrationRefused(device_id, host):
                self.book.refused(device_id, host)
            case _:
                pass

    def media_failed(self, device_id: str, channel_id: str, evidence: str) -> None:
        """A registered device gave no picture."""
        self.book.trouble(device_id, channel_id, Cause.MEDIA, evidence, self._wall())

    def media_came(self, device_id: str, channel_id: str) -> None:
        self.book.well(device_id, channel_id, Cause.MEDIA, self._wall())

    def storage_failed(self, device_id: str, channel_id: str, evidence: str) -> None:
        """A device reported a fault of its own disk or card."""
        self.book.trouble(device_id, channel_id, Cause.STORAGE, evidence, self._wall())

    def storage_works(self, device_id: str, channel_id: str) -> None:
        self.book.well(device_id, channel_id, Cause.STORAGE, self._wall())

    def _came(self, device_id: str) -> None:
        facts = self._source.facts(device_id)
        host, call_id = ("", "") if facts is None else (facts.host, facts.call_id)
        site = self._sites.site_of(device_id, host) if facts is not None else UNKNOWN_SITE
        self.book.online(device_id, site, call_id, self._wall())

    def _lost(self, device_id: str, reason: OfflineReason) -> None:
        now = self._clock()
        facts = self._source.facts(device_id)
        if facts is None:
            return
        self.stats.devices_lost += 1
        media_age_s = facts.media_age_s
        loss = Loss(
            device_id,
            self._sites.site_of(device_id, facts.host),
            reason.value,
            facts.heard_at,
            facts.call_id,
            has_left=reason in LEAVING,
            was_streaming=media_age_s is not None and media_age_s < TURN_S * 2,
        )
        self.book.offline(loss, now, self._wall())

    # ---------------------------------------------------------------- time

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TURN_S)
            try:
                await self.turn()
            except Exception:
                logger.exception("a turn of the outage watch failed; the next one tries again")

    async def turn(self) -> None:
        """Judge what is due, look for silent signalling, save."""
        self.book.handle_timer(self._clock())
        self._look_for_silent_signalling()
        await self.save()

    def _look_for_silent_signalling(self) -> None:
        """Media counts as a sign of life, so such a device stays online; but it cannot be asked anything."""
        wall = self._wall()
        for device_id in self._source.streaming_devices():
            facts = self._source.facts(device_id)
            if facts is None or facts.keepalive_age_s is None:
                continue
            if facts.keepalive_age_s > facts.silence_allowed_s:
                minutes = int(facts.keepalive_age_s // 60)
                evidence = f"media flows, and no keepalive for {minutes} minutes"
                self.book.trouble(device_id, "", Cause.SIP, evidence, wall)
            else:
                self.book.well(device_id, "", Cause.SIP, wall)

    async def save(self) -> None:
        """Write what changed; what cannot be written is tried again."""
        changed, sites = self.book.changes()
        for site in sites:
            self._tell(site)
        outages, site_rows = [*self._unsaved[0], *changed], [*self._unsaved[1], *sites]
        self._unsaved = ([], [])
        if not (outages or site_rows):
            return
        try:
            newest = {outage.outage_id: outage for outage in outages}
            await self.store.save(list(newest.values()), site_rows)
        except Exception as error:  # the database may be away; the watch goes on
            self.stats.save_failures += 1
            self._unsaved = (outages, site_rows)
            logger.warning("cannot save %d outages: %s", len(outages), error)

    def _tell(self, site: SiteOutage) -> None:
        if site.ended_time is None:
            self.stats.sites_lost += 1
            logger.warning(LOG_SITES, site.site, site.cause.value, site.evidence)
        else:
            logger.info("site %s is back, %d devices were out", site.site, site.devices_lost)
