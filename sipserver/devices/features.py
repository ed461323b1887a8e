"""The features of this room: what each is given, what each must do, and the settings of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.clocks.settings import ClockSettings
from sipserver.devices.events import DeviceEvent
from sipserver.devices.history.settings import HistorySettings
from sipserver.devices.incoming_calls import IncomingCalls
from sipserver.devices.invites import Invites
from sipserver.devices.platform_items import PlatformItems
from sipserver.devices.ports import DeviceCatalog, MediaPort, SipPort
from sipserver.devices.positions.settings import PositionSettings
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.profiles.settings import ProfileSettings
from sipserver.devices.ptz.settings import PtzSettings
from sipserver.devices.queries import QueryDesk
from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.devices.router import Router
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.devices.stale_dialogs import StaleDialogs
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.devices.tracing.settings import TraceSettings
from sipserver.devices.uploads.settings import UploadSettings


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """The settings of the features, one frozen dataclass each."""

    ptz: PtzSettings = field(default_factory=PtzSettings)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    clocks: ClockSettings = field(default_factory=ClockSettings)
    history: HistorySettings = field(default_factory=HistorySettings)

    trace: TraceSettings = field(default_factory=TraceSettings)
    profiles: ProfileSettings = field(default_factory=ProfileSettings)
    subscriptions: SubscriptionSettings = field(default_factory=SubscriptionSettings)
    positions: PositionSettings = field(default_factory=PositionSettings)
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)


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
    foreign: PlatformItems
    calls: IncomingCalls = field(default_factory=IncomingCalls)
    """INVITEs of peers that a feature answered."""


class Feature(Protocol):
    """A part of this room with a life of its own. It enters the router's tables in its constructor."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def device_removed(self, device_id: str) -> None:
        """An operator removed the device: nothing of it is kept, in memory or as wanted in the database."""


class Listening(Protocol):
    """A part of this room that hears what happens to devices."""

    @property
    def listens_to(self) -> tuple[type[DeviceEvent], ...]:
        """The kinds of events that ``listen`` is called with."""

    def listen(self, event: DeviceEvent) -> None:
        """News about a device; a plain function that must not take long."""
