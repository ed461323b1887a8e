"""What this room needs from others, as they may be replaced in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from catalog.keyset import Page
from catalog.model import Channel, ChannelKey, ChannelKind
from media.session import MediaSession
from sipserver.devices.stream_request import LiveStream
from sipserver.sip.events import ServerKey
from sipserver.sip.message import SipRequest


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
    async def release(self) -> None: ...


class LivePictures(Protocol):
    """One way to every channel's picture, whoever brings it."""

    async def hold(
        self, key: ChannelKey, purpose: str, *, tag: str, stream: LiveStream = ...
    ) -> HeldPicture: ...


class AnsweredCall(Protocol):
    """The owner of an INVITE of a superior."""

    def acknowledged(self, ack: SipRequest) -> None: ...
    def abandoned(self, reason: str) -> None: ...


class Calls(Protocol):
    """Who hears of the ACK, the CANCEL, and of the absence of an ACK."""

    def add(self, key: ServerKey, call: AnsweredCall) -> None: ...
    def remove(self, key: ServerKey) -> None: ...
