"""The features of this room: what each is given, what each must do, and the settings of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from sipserver.devices.events import DeviceEvent
from sipserver.devices.invites import Invites
from sipserver.devices.ports import DeviceCatalog, MediaPort, SipPort
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.queries import QueryDesk
from sipserver.devices.router import Router
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.devices.stale_dialogs import StaleDialogs
from sipserver.devices.stats import DeviceStats


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """The settings of the features, one frozen dataclass each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every feature may use; put together once by the service."""

    settings: DeviceSettings
    features: FeatureSettings
    transport: SipPort
    signalling: Signalling
    queries: QueryDesk
    presence: Presence
    catalog: DeviceCatalog
    media: MediaPort
    invites: Invites
    dialogs: StaleDialogs
    profiles: Profiles
    router: Router
    stats: DeviceStats
    database: AsyncEngine | None
    """None: the feature keeps its rows in memory, as tests and the benchmarks do."""
    clock: Callable[[], float]
    wall: Callable[[], datetime]


class Feature(Protocol):
    """A part of this room with a life of its own. It enters the router's tables in its constructor."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def listen(self, event: DeviceEvent) -> None:
        """News about devices; a plain function that must not take long."""
