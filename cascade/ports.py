"""What this room needs from others, as they may be replaced in tests."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from catalog.model import Channel, ChannelKey, ChannelKind, Device


class CascadeCatalog(Protocol):
    """The part of ``catalog.store`` that is presented to superiors."""

    async def load_channels(
        self, device_id: str | None = None, *, kinds: Collection[ChannelKind] = ...
    ) -> list[Channel]: ...
    async def get_channel(self, key: ChannelKey) -> Channel | None: ...
    async def get_device(self, device_id: str) -> Device | None: ...


class Standing(Protocol):
    """The part of presence that superiors are told."""

    def online_ids(self) -> Collection[str]: ...
    def is_online(self, device_id: str) -> bool: ...
