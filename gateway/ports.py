"""What this room needs from others, as they may be replaced in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from catalog.model import Channel, ChannelKey, Device, PresenceRow
from catalog.notified import CatalogChange, CatalogChanged
from media.session import MediaSession


class MediaPort(Protocol):
    """The part of ``media.session.MediaPlane`` that is fed."""

    async def open_fed(self, *, label: str) -> MediaSession: ...


class GatewayCatalog(Protocol):
    """The part of ``catalog.store`` that sources are shown in."""

    async def get_device(self, device_id: str) -> Device | None: ...
    async def upsert_device(self, device: Device) -> None: ...
    async def save_presence(self, rows: Iterable[PresenceRow]) -> None: ...
    async def apply_events(self, device_id: str, changes: Sequence[CatalogChange]) -> CatalogChanged: ...
    async def get_channel(self, key: ChannelKey) -> Channel | None: ...
    async def load_channels(self, device_id: str | None = None) -> list[Channel]: ...
    async def channel_ids(self, prefix: str) -> set[str]: ...


Listener = Callable[[str], None]
"""Called with the channel id of a source whose state changed."""
