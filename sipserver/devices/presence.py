"""Keeps the presence table going: its timer, probes, batched saving, and the news to the other parts."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from catalog.columns import chunks
from catalog.model import Device, PresenceRow
from sipserver.devices.device_entry import DeviceEntry, LoadedDevice, Registration
from sipserver.devices.errors import UnknownDevice
from sipserver.devices.events import (
    EVERY_EVENT,
    DeviceEvent,
    DeviceFlapping,
    DeviceRefreshed,
    DeviceWentOffline,
    ProbeWanted,
)
from sipserver.devices.ports import DeviceCatalog
from sipserver.devices.presence_state import OfflineReason, State
from sipserver.devices.presence_table import PresenceLimits, PresenceTable
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stats import DeviceStats
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.editions import ASSUMED_EDITION, Edition
from sipserver.sip.flow import Flow, Transport
from sipserver.transport.sampled_log import SampledLog

TICK_S: Final = 1.0
CHECKS_PER_TURN: Final = 500  # devices looked at before the event loop gets its turn
PROBES_PER_TICK: Final = 500  # silent devices asked each second: a whole network may fall silent at once
ROWS_PER_SAVE: Final = 500

logger = logging.getLogger(__name__)

Listener = Callable[[DeviceEvent], None]


def wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DevicePresence:
    """What others see of a device. ``*_at`` are monotonic seconds."""

    device_id: str
    online: bool
    state: State
    transport: Transport | None
    remote: tuple[str, int] | None
    edition: Edition
    user_agent: str
    contact: str
    registered_at: float | None
    expires_at: float
    last_seen_at: float
    last_keepalive_at: float | None
    keepalive_interval_s: float | None
    online_since: float | None
    offline_reason: OfflineReason | None


class Presence:
    """The table and what it needs from outside.

    Every method that changes the table passes the table's facts on before it returns. Listeners are plain
    functions; what takes time they do in tasks of their own.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        catalog: DeviceCatalog,
        stats: DeviceStats,
        *,
        clock: Callable[[], float],
        wall: Callable[[], datetime] = wall_clock,
        open_flow: Callable[[tuple[str, int], tuple[str, int] | None], Flow | None],
    ) -> None:
        self.table: Final = PresenceTable(
            PresenceLimits(
                keepalive_interval_s=settings.keepalive_interval_s,
                keepalive_interval_max_s=settings.keepalive_interval_max_s,
                keepalive_count=settings.keepalive_count,
                moves_per_hour_max=settings.moves_per_hour_max,
            )
        )
        self._listeners: dict[type[DeviceEvent], list[Listener]] = {}
        self.probe: Callable[[str], Awaitable[bool]] | None = None
        self._catalog = catalog
        self._stats = stats
        self._clock = clock
        self._wall = wall
        self._open_flow = open_flow
        self._stored: set[str] = set()
        self._saving = asyncio.Lock()
        self._saving_since: float | None = None
        self._silent: deque[str] = deque()
        self._tasks = TaskOwner("presence")
        self._sampled_log = SampledLog(logger)

    # ---------------------------------------------------------------- life

    async def open(self) -> list[Device]:
        """Take over what the catalogue remembers, and start. Returns the devices for others to load."""
        devices = await self._catalog.load_registrations()
        now, wall = self._clock(), self._wall()
        for device in devices:
            self._stored.add(device.device_id)
            self.table.load(self._loaded(device, now, wall), now)
        restored = sum(entry.is_online for entry in self.table)
        logger.info("presence open: %d devices known, %d still registered", len(self.table), restored)
        self._tasks.spawn(self._run(), "tick")
        return devices

    async def close(self) -> None:
        await self._tasks.close()
        await self.save()

    # ---------------------------------------------------------------- questions

    def get(self, device_id: str) -> DevicePresence | None:
        entry = self.table.get(device_id)
        return None if entry is None else _view(entry)

    def snapshot(self) -> list[DevicePresence]:
        return [_view(entry) for entry in self.table]

    def online_ids(self) -> set[str]:
        return {entry.device_id for entry in self.table if entry.is_online}

    def is_online(self, device_id: str) -> bool:
        entry = self.table.get(device_id)
        return entry is not None and entry.is_online

    # ---------------------------------------------------------------- listeners

    def subscribe(self, listener: Listener, kinds: Iterable[type[DeviceEvent]] = EVERY_EVENT) -> None:
        """Have a listener called with the events of these kinds, after those that subscribed before it.

        Thousands of devices renew their registration each minute: who needs no such event names the others.
        """
        for kind in kinds:
            self._listeners.setdefault(kind, []).append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Call it no more; nothing happens when it never was."""
        for listeners in self._listeners.values():
            if listener in listeners:
                listeners.remove(listener)

    # ---------------------------------------------------------------- evidence

    def registered(self, registration: Registration) -> DeviceEntry:
        entry = self.table.registered(registration, self._clock())
        self.publish()
        return entry

    def unregistered(self, device_id: str) -> None:
        self.table.unregistered(device_id, self._clock())
        self.publish()

    def keepalive(self, entry: DeviceEntry, flow: Flow, now: float) -> None:
        self.table.keepalive(entry, flow, now)
        if self.table.has_events:
            self.publish()

    def heard(self, entry: DeviceEntry, now: float) -> None:
        self.table.heard(entry, now)
        if self.table.has_events:
            self.publish()

    def announce(self, event: DeviceEvent) -> None:
        """Pass on a fact that is not the table's."""
        kind = type(event)
        if kind is not DeviceRefreshed:  # the ordinary case needs no line
            self._log(event)
        for listener in self._listeners.get(kind, ()):
            listener(event)

    def answered(self, device_id: str) -> None:
        """The device answered a request, or said anything else."""
        entry = self.table.get(device_id)
        if entry is not None:
            self.table.heard(entry, self._clock())
            self.publish()

    def flow_closed(self, flow: Flow) -> None:
        self.table.flow_closed(flow, self._clock())
        self.publish()

    def publish(self) -> None:
        """Pass on what the table has to report."""
        while events := self.table.events():
            for event in events:
                if isinstance(event, ProbeWanted):
                    self._silent.append(event.device_id)
                self.announce(event)

    # ---------------------------------------------------------------- time

    async def tick(self) -> None:
        """Once a second: look at the devices whose moment has come, ask the silent, save what changed."""
        now = self._clock()
        while self.table.handle_timer(now, CHECKS_PER_TURN):
            self.publish()
            await asyncio.sleep(0)
        self.publish()
        self._ask_silent()
        await self.save()

    async def save(self) -> None:
        """Write every changed entry, some hundreds in one transaction; what cannot be written waits."""
        async with self._saving:
            entries = self.table.take_dirty(self._clock())
            self._saving_since = self._clock() if entries else None
            written = 0
            try:
                for chunk in chunks(entries, ROWS_PER_SAVE):
                    await self._save(chunk)
                    written += len(chunk)
            except Exception as error:  # the database may be away; presence goes on
                self._stats.presence_save_failures += 1
                self._sampled_log.warning(
                    "cannot save the presence of %d devices: %s", len(entries) - written, error
                )
            finally:
                self._saving_since = None
                self.table.put_back(
                    [entry for entry in entries[written:] if self.table.get(entry.device_id) is entry]
                )
                self._stats.presence_rows_saved += written

    @property
    def saving_for_s(self) -> float:
        """For how long the database has been busy with what changed; 0 when it is not."""
        return 0.0 if self._saving_since is None else self._clock() - self._saving_since

    async def ensure_stored(self, device_id: str) -> None:
        """See that the catalogue has a row for the device, before anything refers to it.

        Raises:
            UnknownDevice: it was removed.
        """
        if self.table.get(device_id) is None:
            raise UnknownDevice(f"device {device_id} is not known", device_id=device_id)
        if device_id not in self._stored:
            await self._store([device_id])

    def forget(self, device_id: str) -> None:
        self._stored.discard(device_id)
        self.table.forget(device_id)

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except Exception:
                logger.exception("a turn of the presence loop failed")

    async def _save(self, entries: Sequence[DeviceEntry]) -> None:
        # One that was removed while others were written does not come back by this.
        entries = [entry for entry in entries if self.table.get(entry.device_id) is entry]
        await self._store([entry.device_id for entry in entries if entry.device_id not in self._stored])
        now, wall = self._clock(), self._wall()
        await self._catalog.save_presence([_row(entry, now, wall) for entry in entries])

    async def _store(self, device_ids: Collection[str]) -> None:
        if device_ids:
            await self._catalog.add_devices(device_ids)
            self._stored.update(device_ids)

    def _ask_silent(self) -> None:
        """Those that were heard, or went, while they waited for the question need none any more."""
        asked = 0
        while self._silent and asked < PROBES_PER_TICK:
            device_id = self._silent.popleft()
            entry = self.table.get(device_id)
            if entry is not None and entry.state is State.SUSPECT:
                self._tasks.spawn(self._probe(device_id), f"probe {device_id}")
                asked += 1

    async def _probe(self, device_id: str) -> None:
        self._stats.probes += 1
        answered = self.probe is not None and await self.probe(device_id)
        if answered:
            self._stats.probes_answered += 1
        else:
            self.table.probe_failed(device_id, self._clock())
        self.publish()

    def _loaded(self, device: Device, now: float, wall: datetime) -> LoadedDevice:
        def mono(moment: datetime | None) -> float | None:
            return None if moment is None else now + (moment - wall).total_seconds()

        transport = Transport(device.transport) if device.transport in set(Transport) else None
        remote = (device.remote_host, device.remote_port or 0) if device.remote_host else None
        local = (device.local_host, device.local_port or 0) if device.local_host else None
        flow = None
        if transport is Transport.UDP and remote is not None:
            flow = self._open_flow(remote, local)
        return LoadedDevice(
            device_id=device.device_id,
            was_online=device.online,
            transport=transport,
            remote=remote,
            local=local,
            flow=flow,
            contact=device.contact or "",
            user_agent=device.user_agent,
            edition=Edition(device.edition) if device.edition in set(Edition) else ASSUMED_EDITION,
            registered_at=mono(device.registered_at),
            expires_at=mono(device.expires_at) or 0.0,
            last_heard_at=mono(device.last_seen_at) or 0.0,
            interval_s=device.keepalive_interval_s,
        )

    def _log(self, event: DeviceEvent) -> None:
        if isinstance(event, DeviceWentOffline):
            self._stats.went_offline[event.reason.value] += 1
            logger.info("device %s is offline: %s", event.device_id, event.reason)
        elif isinstance(event, DeviceFlapping):
            self._stats.flapping += 1
            self._sampled_log.warning(
                "device %s changed its address %d times in an hour: two devices with one id?",
                event.device_id,
                event.changes,
            )
        else:
            logger.debug("%s", event)


def _view(entry: DeviceEntry) -> DevicePresence:
    return DevicePresence(
        device_id=entry.device_id,
        online=entry.is_online,
        state=entry.state,
        transport=entry.transport,
        remote=entry.remote,
        edition=entry.edition,
        user_agent=entry.user_agent,
        contact=entry.contact,
        registered_at=entry.registered_at,
        expires_at=entry.expires_at,
        last_seen_at=entry.last_heard_at,
        last_keepalive_at=entry.last_keepalive_at,
        keepalive_interval_s=entry.interval_s,
        online_since=entry.online_since,
        offline_reason=entry.offline_reason,
    )


def _row(entry: DeviceEntry, now: float, wall: datetime) -> PresenceRow:
    def instant(at: float | None) -> datetime | None:
        return None if not at else wall + timedelta(seconds=at - now)

    remote, local = entry.remote or (None, None), entry.local or (None, None)
    return PresenceRow(
        device_id=entry.device_id,
        online=entry.is_online,
        transport=entry.transport.value if entry.transport is not None else None,
        remote_host=remote[0],
        remote_port=remote[1],
        local_host=local[0],
        local_port=local[1],
        contact=entry.contact or None,
        edition=entry.edition.value,
        user_agent=entry.user_agent,
        registered_at=instant(entry.registered_at),
        expires_at=instant(entry.expires_at),
        last_seen_at=instant(entry.last_heard_at),
        keepalive_interval_s=entry.interval_s,
    )
