"""Who a request comes from, and whether it comes from where that device is."""

from __future__ import annotations

from enum import Enum
from typing import Final

from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.limiter import TokenBuckets
from sipserver.devices.presence_table import PresenceTable
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stats import DeviceStats
from sipserver.sip.errors import MalformedMessage
from sipserver.transport.driver import IncomingRequest


class Doubt(Enum):
    """Why a request is not taken as a registered device's."""

    STRANGER = "stranger"  # nobody registered has this id, or this address
    FORGED = "forged"  # the id is registered, at another address


class Senders:
    """Maps requests to registered devices: by From, then by source address (gb28181.md 2.7).

    A new port of the same host is NAT; another host is a forgery unless the settings say otherwise. What a
    stranger may cost is bounded per source, and an exhausted source gets no answer at all.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        table: PresenceTable,
        attempts: TokenBuckets,
        stats: DeviceStats,
    ) -> None:
        self._allow_address_change: Final = settings.allow_address_change
        self._table = table
        self._attempts = attempts
        self._stats = stats

    def identify(self, incoming: IncomingRequest) -> DeviceEntry | Doubt:
        """The online device that sent this, or the doubt about it."""
        flow = incoming.flow
        try:
            entry = self._table.get(incoming.request.from_.uri.user)
        except MalformedMessage:
            entry = None
        if entry is None:
            # A channel's id in From, or none that can be read.
            entry = self._table.at_remote(flow.remote)
        if entry is None or not entry.state.is_online:
            return Doubt.STRANGER
        if entry.flow is flow or entry.flow == flow or self._allow_address_change:
            return entry
        if entry.remote is not None and entry.remote[0] == flow.remote[0]:
            return entry
        return Doubt.FORGED

    def may_answer(self, incoming: IncomingRequest, doubt: Doubt) -> bool:
        """Count a doubtful request; False when its source had its share of answers."""
        if doubt is Doubt.FORGED:
            self._stats.forged_sources += 1
        else:
            self._stats.strangers_refused += 1
        return self._attempts.take(incoming.flow.remote[0], incoming.received_at)
