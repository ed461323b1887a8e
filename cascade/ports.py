"""What this room needs from others, as they may be replaced in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from catalog.keyset import Page
from catalog.model import Channel, ChannelKey, ChannelKind
from media.audio.plane import AudioPlane
from media.recordings import Play
from media.session import MediaSession
from sipserver.devices.alarms.model import AlarmNews
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.session import AudioSession
from sipserver.devices.history.records import FoundRecords, RecordSearch
from sipserver.devices.history.relays import HistoryRelay, OnAnswer
from sipserver.devices.positions.model import PositionEvent, PtzPositionReported, StoredPosition
from sipserver.devices.stream_request import LiveStream
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.devices.subscriptions.subscription import SubscriptionView
from sipserver.gb.route_path import InviteRoute, Path
from sipserver.gb.sdp import SessionKind
from sipserver.sip.events import ServerKey
from sipserver.sip.message import SipRequest
from storage.model import Segment
from storage.recorded_playback import RecordedPlayback


class CascadeCatalog(Protocol):
    """The part of ``catalog.store`` that is presented to superiors."""

    listeners: list[Callable[[str, Collection[str] | None], None]]
    """Hear of which device which channels have changed; None: any of them may have."""

    async def list_channels(
        self,
        device_id: str | None = None,
        cursor: str | None = None,
        limit: int = ...,
        *,
        kinds: Collection[ChannelKind] = ...,
    ) -> Page[Channel]: ...
    async def load_some(self, device_id: str, channel_ids: Collection[str]) -> list[Channel]: ...


class Standing(Protocol):
    """The part of presence that superiors are told."""

    def online_ids(self) -> Collection[str]: ...
    def is_online(self, device_id: str) -> bool: ...


class HeldPicture(Protocol):
    """Somebody's share of a live picture."""

    @property
    def session(self) -> MediaSession: ...
    @property
    def lost(self) -> asyncio.Event: ...
    @property
    def lost_reason(self) -> str: ...
    @property
    def route_path(self) -> Path:
        """The platforms below us that it comes by, the nearest first; empty: none."""

    async def release(self) -> None: ...


class LivePictures(Protocol):
    """One way to every channel's picture, whoever brings it."""

    async def hold(
        self,
        key: ChannelKey,
        purpose: str,
        *,
        tag: str,
        stream: LiveStream = ...,
        route: InviteRoute = ...,
    ) -> HeldPicture: ...


class DeviceRecords(Protocol):
    """Which recordings devices, and platforms below, hold; see ``sipserver.devices.history.records``."""

    @property
    def days_max(self) -> float: ...
    async def search(self, what: RecordSearch, *, deadline_s: float | None = None) -> FoundRecords: ...


class DeviceHistory(Protocol):
    """Playbacks and downloads from devices; see ``sipserver.devices.history.relays``."""

    async def open(
        self,
        key: ChannelKey,
        start: datetime,
        end: datetime,
        kind: SessionKind,
        *,
        tag: str,
        record_type: str = "all",
        uri: str = "",
        speed: int | None = None,
        stream_number: int | None = None,
        route: InviteRoute = ...,
        on_answer: OnAnswer,
    ) -> HistoryRelay: ...


class OwnRecordings(Protocol):
    """What is on our own disk; see ``storage.recorded_playback``."""

    async def segments(self, key: ChannelKey, start: datetime, end: datetime) -> list[Segment]: ...
    async def open(
        self, key: ChannelKey, start: datetime, end: datetime, play: Play | None = None, *, label: str = ""
    ) -> RecordedPlayback: ...


@dataclass(frozen=True, slots=True)
class HistoryRooms:
    """Where recordings are found."""

    records: DeviceRecords
    devices: DeviceHistory
    own: OwnRecordings


class Loudspeakers(Protocol):
    """Speaking to cameras, and the links of sound; see ``sipserver.devices.audio.service``."""

    @property
    def plane(self) -> AudioPlane: ...
    def relay(
        self, key: ChannelKey, *, name: str, mode: AudioMode = ..., holder: str = ""
    ) -> AudioSession: ...


class AnsweredCall(Protocol):
    """The owner of an INVITE of a superior."""

    def acknowledged(self, ack: SipRequest) -> None: ...
    def abandoned(self, reason: str) -> None: ...


class Calls(Protocol):
    """Who hears of the ACK, the CANCEL, and of the absence of an ACK."""

    def add(self, key: ServerKey, call: AnsweredCall) -> None: ...
    def remove(self, key: ServerKey) -> None: ...


class Footage(Protocol):
    """The part of the index of recordings that tells of which channels there is something."""

    async def channels_of(self, device_id: str) -> set[str]: ...


class Whereabouts(Protocol):
    """The part of ``sipserver.devices.positions`` that superiors are told."""

    def keys(self) -> list[ChannelKey]: ...
    def latest(self, key: ChannelKey) -> StoredPosition | None: ...
    def directions(self) -> list[PtzPositionReported]: ...

    @property
    def listeners(self) -> list[Callable[[PositionEvent], None]]: ...


class AlarmSource(Protocol):
    """The part of ``sipserver.devices.alarms`` that superiors are told: each alarm once."""

    @property
    def listeners(self) -> list[Callable[[AlarmNews], None]]: ...


class DeviceSubscriptions(Protocol):
    """The part of ``sipserver.devices.subscriptions`` that superiors' subscriptions need."""

    def wants(self, device_id: str, kind: Kind) -> bool: ...
    def views(self, device_id: str | None = None) -> list[SubscriptionView]: ...
    async def want(self, device_id: str, kind: Kind, *, requested_by: str = ...) -> object: ...
    async def cancel(self, device_id: str, kind: Kind, *, requested_by: str = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class NewsRooms:
    """Whose news superiors may subscribe to, besides the catalogue's."""

    alarms: AlarmSource
    whereabouts: Whereabouts
    subscriptions: DeviceSubscriptions
