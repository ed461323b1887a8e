"""Changes of a simulated device's catalogue, told to whoever subscribed to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import CatalogEvent, CatalogEventKind, CatalogNotify
from sipserver.simulator.channel import Channel
from sipserver.simulator.features import DeviceParts
from sipserver.simulator.subscriptions import Subscriber, Subscriptions

# What the catalogue says of a channel after each event; a lost picture leaves the channel reachable.
_STATUS_OF: Final = {
    CatalogEventKind.ON: ("ON", False),
    CatalogEventKind.OFF: ("OFF", False),
    CatalogEventKind.VLOST: ("ON", True),
    CatalogEventKind.DEFECT: ("ON", True),
}


class CatalogChanges:
    """Every change takes effect in the answers to queries, too."""

    def __init__(
        self, parts: DeviceParts, channels: dict[str, Channel], subscriptions: Subscriptions
    ) -> None:
        self._parts = parts
        self._channels = channels
        self._subscriptions = subscriptions
        subscriptions.welcomes["Catalog"] = self._welcome

    async def open(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """Nothing to give back."""

    def set_state(self, channel_id: str, state: str) -> bool:
        """A channel goes ON, OFF, VLOST or DEFECT; False when nobody subscribed."""
        kind, channel = CatalogEventKind(state), self._channels[channel_id]
        status, fault = _STATUS_OF[kind]
        channel.item = replace(channel.item, status=status, fault=fault)
        return self.tell(kind, channel.item)

    def add(self, channel_id: str) -> bool:
        """Another camera is plugged in."""
        channel = Channel(self._parts.settings, len(self._channels), channel_id)
        self._channels[channel_id] = channel
        return self.tell(CatalogEventKind.ADD, channel.item)

    def remove(self, channel_id: str) -> bool:
        return self.tell(CatalogEventKind.DEL, self._channels.pop(channel_id).item)

    def update(self, channel_id: str, **changes: Any) -> bool:
        """The item of a channel gets other values, such as ``name``."""
        channel = self._channels[channel_id]
        channel.item = replace(channel.item, **changes)
        return self.tell(CatalogEventKind.UPDATE, channel.item)

    def tell(self, kind: CatalogEventKind | None, *items: CatalogItem) -> bool:
        """Notify one event about some items."""
        found = self._subscriptions.of("Catalog")
        for subscriber in found:
            self._tell(subscriber, [CatalogEvent(kind, item) for item in items])
        return bool(found)

    def _welcome(self, subscriber: Subscriber) -> None:
        """At once: what is off line or has no picture (gb28181.md 5.3)."""
        events = [
            CatalogEvent(CatalogEventKind.VLOST if channel.item.fault else CatalogEventKind.OFF, channel.item)
            for channel in self._channels.values()
            if channel.item.fault or channel.item.status == "OFF"
        ]
        if events:
            self._tell(subscriber, events)
        else:
            self._subscriptions.tell(subscriber, None)

    def _tell(self, subscriber: Subscriber, events: list[CatalogEvent]) -> None:
        settings = self._parts.settings
        notify = CatalogNotify(
            self._parts.signalling.next_sn(), GbId(settings.device_id), len(events), tuple(events)
        )
        root = "Response" if self._parts.behaviour.catalog_notify_as_response else "Notify"
        self._subscriptions.tell(subscriber, notify.to_xml(settings.edition, root))
