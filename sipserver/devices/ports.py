"""What this room needs from others, as they may be replaced in tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from catalog.model import (
    CatalogReplaced,
    CatalogRow,
    Channel,
    ChannelKey,
    ChannelKind,
    Device,
    PresenceRow,
)
from catalog.notified import CatalogChange, CatalogChanged
from media.session import MediaSession, MediaTransport, ReceiveOn
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.calls import InviteCall
from sipserver.transport.driver import IncomingRequest


class SipPort(Protocol):
    """The part of ``sipserver.transport`` that sends and answers."""

    @property
    def token(self) -> Callable[[], str]: ...
    @property
    def clock(self) -> Callable[[], float]: ...

    async def request(
        self, request: SipRequest, flow: Flow, *, timeout_s: float = ..., abandon: bool = ...
    ) -> SipResponse: ...

    def invite(self, request: SipRequest, flow: Flow) -> InviteCall: ...

    def respond(
        self,
        incoming: IncomingRequest,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> SipResponse: ...

    def dismiss(
        self, incoming: IncomingRequest, status: int, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None: ...

    def advertised(self, flow: Flow) -> tuple[str, int]: ...

    def flow_to(self, remote: tuple[str, int], *, local: tuple[str, int] | None = None) -> Flow: ...

    def is_flow_open(self, flow: Flow) -> bool: ...


class DeviceCatalog(Protocol):
    """The part of ``catalog.store`` that devices feed and read."""

    async def load_registrations(self) -> list[Device]: ...
    async def get_device(self, device_id: str) -> Device | None: ...
    async def add_devices(self, device_ids: Collection[str]) -> None: ...
    async def note_device_info(
        self, device_id: str, *, name: str, manufacturer: str, model: str, firmware: str
    ) -> None: ...
    async def save_presence(self, rows: Iterable[PresenceRow]) -> None: ...
    async def replace_catalog(
        self, device_id: str, items: Sequence[CatalogRow], complete: bool
    ) -> CatalogReplaced: ...
    async def apply_events(self, device_id: str, changes: Sequence[CatalogChange]) -> CatalogChanged: ...
    async def load_channels(
        self, device_id: str | None = None, *, kinds: Collection[ChannelKind] = ...
    ) -> list[Channel]: ...
    async def get_channel(self, key: ChannelKey) -> Channel | None: ...
    async def resolve_channel(self, text: str) -> ChannelKey: ...


class MediaPort(Protocol):
    """The part of ``media.session.MediaPlane`` that opens sessions."""

    @property
    def sessions(self) -> Mapping[str, MediaSession]: ...

    async def open_session(
        self,
        *,
        transport: MediaTransport,
        ssrc: int | None,
        label: str,
        receive_on: ReceiveOn | None = None,
    ) -> MediaSession: ...
