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
from itertools import islice
from typing import Final, Protocol, TypeVar

from health.outages.book import Loss, OutageBook
from health.outages.model import Cause, Outage, SiteOutage
from health.outages.settings import OutageSettings
from health.outages.sites import UNKNOWN_SITE, Sites
from health.outages.store import OutageStore
from sipserver.devices import errors
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceRemoved,
    DeviceWentOffline,
    RegistrationRefused,
    StreamFailed,
    StreamStarted,
)
from sipserver.devices.presence_state import OfflineReason

TURN_S: Final = 2.0
JUDGED_PER_TURN: Final = 500  # of the event loop
UNSAVED_MAX: Final = 100_000
"""Outages that wait for the database; the oldest are left out first."""
LOG_SITES: Final = "site %s is out (%s): %s"
# What a registered device can be blamed for; not being asked, or there being no room for it, is none of it.
NO_PICTURE: Final = (
    errors.NoAnswer,
    errors.Refused,
    errors.BadAnswer,
    errors.NoMedia,
    errors.WrongSsrc,
    errors.NoPackHeader,
    errors.NoKeyframe,
)
LEAVING: Final = frozenset({OfflineReason.UNREGISTERED, OfflineReason.BLOCKED})

logger = logging.getLogger(__name__)

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


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
    """One for the platform. ``listen`` is given the events of the devices."""

    listens_to: Final = (
        DeviceCameOnline,
        DeviceConfirmed,
        DeviceWentOffline,
        DeviceRemoved,
        RegistrationRefused,
        StreamStarted,
        StreamFailed,
    )

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
        self.site_listeners: Final[list[Callable[[SiteOutage], None]]] = []
        """Called when a site is lost, judged anew, or back."""
        self._settings = settings
        self._sites = Sites(settings)
        self._source = source
        self.store: Final = store
        self._clock = clock
        self._wall = wall
        self._unsaved: dict[str, Outage] = {}
        self._unsaved_sites: dict[tuple[str, datetime], SiteOutage] = {}
        self._save_lock = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None
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
                self._unsaved[outage.outage_id] = replace(outage, ended_time=wall)
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
        if self._saving is not None:
            await asyncio.wait({self._saving})
        await self.save()

    # ---------------------------------------------------------------- news

    def listen(self, event: DeviceEvent) -> None:
        match event:
            case DeviceCameOnline(device_id) | DeviceConfirmed(device_id):
                self._came(device_id)
            case DeviceWentOffline(device_id, reason):
                self._lost(device_id, reason)
            case DeviceRemoved(device_id):
                self.book.forget(device_id, self._wall())
            case RegistrationRefused(device_id, host):
                self.book.refused(device_id, host)
            case StreamStarted(device_id, channel_id):
                self.book.well(device_id, channel_id, Cause.MEDIA, self._wall())
            case StreamFailed(device_id, channel_id, error) if isinstance(error, NO_PICTURE):
                evidence = f"{type(error).__name__}: {error}"
                self.book.trouble(device_id, channel_id, Cause.MEDIA, evidence, self._wall())
            case _:
                pass

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
        """Judge what is due, look for silent signalling, save; a slow database delays no judgement."""
        now = self._clock()
        while self.book.handle_timer(now, JUDGED_PER_TURN):  # noqa: ASYNC110 - the loop's turn, no event
            await asyncio.sleep(0)  # a whole network may have been lost
        self._look_for_silent_signalling()
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self.save(), name="outages are saved")
        await asyncio.wait({self._saving}, timeout=TURN_S)

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
        async with self._save_lock:
            changed, sites = self.book.changes()
            for site in sites:
                self._tell(site)
                for listener in self.site_listeners:
                    listener(site)
            outages = _newest({**self._unsaved, **{outage.outage_id: outage for outage in changed}})
            site_rows = _newest(
                {**self._unsaved_sites, **{(site.site, site.began_time): site for site in sites}}
            )
            self._unsaved, self._unsaved_sites = outages, site_rows
            if not (outages or site_rows):
                return
            try:
                await self.store.save(list(outages.values()), list(site_rows.values()))
            except Exception as error:  # the database may be away; the watch goes on
                self.stats.save_failures += 1
                logger.warning("cannot save %d outages: %s", len(outages), error)
            else:
                self._unsaved, self._unsaved_sites = {}, {}

    def _tell(self, site: SiteOutage) -> None:
        if site.ended_time is None:
            self.stats.sites_lost += 1
            logger.warning(LOG_SITES, site.site, site.cause.value, site.evidence)
        else:
            logger.info("site %s is back, %d devices were out", site.site, site.devices_lost)


def _newest(rows: dict[_Key, _Row]) -> dict[_Key, _Row]:
    excess = len(rows) - UNSAVED_MAX
    return rows if excess <= 0 else dict(islice(rows.items(), excess, None))
