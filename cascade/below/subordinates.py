"""Platforms below us: what an operator decided about each, how it stands, and what it brings (下级平台).

A subordinate registers like one large device (gb28181.md 8.2), and ``sipserver.devices`` serves it: its
account is the device's, its edition and charset are pinned in the device's profile. Nothing is kept twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypedDict

from cascade.errors import SubordinateExists, UnknownSubordinate
from cascade.ports import Footage
from catalog.keyset import DEFAULT_LIMIT, Page
from catalog.model import Device, DeviceChanges
from catalog.store import CatalogStore
from catalog.subordinates import CatalogTotals, SubordinateCatalogs
from sipserver.devices.invites import InviteState
from sipserver.devices.presence import DevicePresence, wall_clock
from sipserver.devices.presence_state import State
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.service import DeviceService

PINNED: Final = (Facet.EDITION, Facet.CHARSET)


class SubordinateState(StrEnum):
    """Where a platform below us is; each has a reason."""

    OFF = "off"  # an operator keeps it out
    EXPECTED = "expected"  # on file, and never registered
    ONLINE = "online"
    DOUBTFUL = "doubtful"  # silent, or not heard since our own start: it is being asked
    LOST = "lost"  # it was here, and is no more


class CatalogState(StrEnum):
    """What we have of its catalogue."""

    NONE = "none"
    ASKED = "asked"  # a query is under way
    WAITING = "waiting"  # for its turn, or for another try
    WHOLE = "whole"
    PARTIAL = "partial"  # the last answer had holes: what it had was added, nothing was taken away


@dataclass(frozen=True, slots=True, kw_only=True)
class SubordinateView:
    """A platform below us as it is now."""

    device: Device
    edition: str | None
    """That an operator pinned; None: as it says itself."""
    charset: str | None
    state: SubordinateState
    why: str
    presence: DevicePresence | None
    registered_time: datetime | None
    expires_time: datetime | None
    last_keepalive_time: datetime | None
    last_seen_time: datetime | None
    online_since: datetime | None
    catalog_state: CatalogState
    totals: CatalogTotals
    streams: tuple[InviteState, ...]


class _Times(TypedDict):
    registered_time: datetime | None
    expires_time: datetime | None
    last_keepalive_time: datetime | None
    last_seen_time: datetime | None
    online_since: datetime | None


@dataclass(frozen=True, slots=True)
class Pins:
    """What an operator decided about how it is spoken to; None: as it shows itself."""

    edition: str | None = None
    charset: str | None = None


class Subordinates:
    """The platforms below us. Changes are written down before they are acted on."""

    def __init__(
        self,
        devices: DeviceService,
        catalog: CatalogStore,
        totals: SubordinateCatalogs,
        footage: Footage,
        ranks_changed: Callable[[str], None],
    ) -> None:
        self._devices: Final = devices
        self._catalog: Final = catalog
        self._totals: Final = totals
        self._footage: Final = footage
        self._ranks_changed: Final = ranks_changed

    # ---------------------------------------------------------------- looking

    async def page(self, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[SubordinateView]:
        """In the order of their ids."""
        found = await self._catalog.list_devices(cursor, limit, subordinates=True)
        return Page(await self._views(found.items), found.next)

    async def get(self, subordinate_id: str) -> SubordinateView:
        """Raises UnknownSubordinate."""
        return (await self._views([await self._device(subordinate_id)]))[0]

    # ---------------------------------------------------------------- what operators do

    async def add(self, device: Device, pins: Pins, who: str) -> SubordinateView:
        """Put a platform on file; one that registered already is taken as it is, with these settings.

        Raises:
            SubordinateExists
        """
        known = await self._catalog.get_device(device.device_id)
        if known is not None and known.is_subordinate and known.password_sealed is not None:
            raise SubordinateExists(f"subordinate {device.device_id} is there already")
        await self._catalog.add_devices([device.device_id])
        await self._catalog.set_device(device.device_id, **_changes(device))
        return await self._changed(device.device_id, pins, who)

    async def change(self, device: Device, pins: Pins, who: str) -> SubordinateView:
        """Act on the difference: its registration goes only when it may not stay as it is.

        Raises:
            UnknownSubordinate
        """
        await self._device(device.device_id)
        await self._catalog.set_device(device.device_id, **_changes(device))
        return await self._changed(device.device_id, pins, who)

    async def remove(self, subordinate_id: str) -> None:
        """Forget it and what it listed; channels of which there is footage stay, and it is kept out then.

        Raises:
            UnknownSubordinate
        """
        await self._device(subordinate_id)
        kept = await self._footage.channels_of(subordinate_id)
        await self._totals.remove(subordinate_id, kept)
        self._catalog.changed_elsewhere(subordinate_id)
        self._devices.device_removed(subordinate_id)
        rest = await self._catalog.get_device(subordinate_id)
        if rest is not None:
            self._devices.device_changed(rest)

    # ---------------------------------------------------------------- inside

    async def _device(self, subordinate_id: str) -> Device:
        device = await self._catalog.get_device(subordinate_id)
        if device is None or not device.is_subordinate:
            raise UnknownSubordinate(f"subordinate {subordinate_id} is not known")
        return device

    async def _changed(self, device_id: str, pins: Pins, who: str) -> SubordinateView:
        profiles = self._devices.profiles
        for facet, value in zip(PINNED, (pins.edition, pins.charset), strict=True):
            if value is not None:
                profiles.pin_device(device_id, facet, value, who)
            elif self._pinned(device_id, facet) is not None:
                profiles.unpin_device(device_id, facet)
        self._devices.device_changed(await self._device(device_id))
        self._ranks_changed(device_id)
        return await self.get(device_id)

    def _pinned(self, device_id: str, facet: Facet) -> str | None:
        found = self._devices.profiles.of_device(device_id).values.get(facet)
        return found.learned.value if found is not None and found.learned.is_pinned else None

    async def _views(self, devices: Sequence[Device]) -> list[SubordinateView]:
        totals = await self._totals.totals([device.device_id for device in devices])
        streams = self._streams([device.device_id for device in devices])
        return [self._view(device, totals[device.device_id], streams[device.device_id]) for device in devices]

    def _streams(self, device_ids: Collection[str]) -> dict[str, tuple[InviteState, ...]]:
        found: dict[str, list[InviteState]] = {device_id: [] for device_id in device_ids}
        for invite in self._devices.invites.snapshot():
            if invite.key.device_id in found:
                found[invite.key.device_id].append(invite)
        return {device_id: tuple(invites) for device_id, invites in found.items()}

    def _view(
        self, device: Device, totals: CatalogTotals, streams: tuple[InviteState, ...]
    ) -> SubordinateView:
        device_id = device.device_id
        presence = self._devices.presence.get(device_id)
        state, why = _standing(device, presence)
        return SubordinateView(
            device=device,
            edition=self._pinned(device_id, Facet.EDITION),
            charset=self._pinned(device_id, Facet.CHARSET),
            state=state,
            why=why,
            presence=presence,
            **self._times(device, presence),
            catalog_state=self._catalog_state(device),
            totals=totals,
            streams=streams,
        )

    def _times(self, device: Device, presence: DevicePresence | None) -> _Times:
        """Of presence, which knows better; after our restart of the catalogue, until it is heard."""
        if presence is None or presence.registered_at is None:
            return _Times(
                registered_time=device.registered_at,
                expires_time=device.expires_at,
                last_keepalive_time=None,
                last_seen_time=device.last_seen_at,
                online_since=None,
            )
        return _Times(
            registered_time=self._instant(presence.registered_at),
            expires_time=self._instant(presence.expires_at),
            last_keepalive_time=self._instant(presence.last_keepalive_at),
            last_seen_time=self._instant(presence.last_seen_at),
            online_since=self._instant(presence.online_since),
        )

    def _instant(self, at: float | None) -> datetime | None:
        return None if at is None else wall_clock() + timedelta(seconds=at - self._devices.clock())

    def _catalog_state(self, device: Device) -> CatalogState:
        sync = self._devices.catalog_sync
        if device.device_id in sync.running:
            return CatalogState.ASKED
        if sync.is_awaited(device.device_id):
            return CatalogState.WAITING
        if device.catalog_time is None:
            return CatalogState.NONE
        return CatalogState.WHOLE if device.catalog_complete else CatalogState.PARTIAL


def _standing(device: Device, presence: DevicePresence | None) -> tuple[SubordinateState, str]:
    if device.blocked:
        return SubordinateState.OFF, "kept out by an operator"
    match presence.state if presence is not None else State.UNKNOWN:
        case State.ONLINE:
            return SubordinateState.ONLINE, ""
        case State.RESTORED:
            return SubordinateState.DOUBTFUL, "not heard since our start"
        case State.SUSPECT:
            return SubordinateState.DOUBTFUL, "its keepalives stay away; it is being asked"
        case State.UNKNOWN if device.registered_at is None:
            return SubordinateState.EXPECTED, "it has not registered yet"
    reason = presence.offline_reason if presence is not None else None
    return SubordinateState.LOST, str(reason or "its registration lapsed while we were away")


def _changes(device: Device) -> DeviceChanges:
    return DeviceChanges(
        name=device.name,
        password_sealed=device.password_sealed,
        allowed=True,
        blocked=device.blocked,
        send_date=device.send_date,
        media_transport=device.media_transport,
        is_subordinate=True,
        account=device.account,
        expected_hosts=device.expected_hosts,
        path_rank=device.path_rank,
        catalog_every_s=device.catalog_every_s,
    )
