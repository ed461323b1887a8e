"""Catalogue notifications in the forms that devices send: NOTIFY or MESSAGE, root Notify or Response."""

from __future__ import annotations

from typing import Final, Protocol

from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.router import Router
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.catalog_events import CatalogEvents
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.catalog_notify import carries_events
from sipserver.transport.driver import IncomingRequest

ANSWER: Final = ("Response", "Catalog")


class Heard(Protocol):
    def heard(self, device_id: str, kind: Kind) -> None: ...


class CatalogNotices:
    """Enters the router's table for both roots; what is an answer to a query goes on to whoever had it."""

    def __init__(self, router: Router, subscribers: Heard, events: CatalogEvents, stats: DeviceStats) -> None:
        self._subscribers = subscribers
        self._events = events
        self._stats = stats
        self._answer = router.commands[ANSWER]
        router.commands["Notify", "Catalog"] = self.receive
        router.commands[ANSWER] = self._response

    def receive(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        if incoming.request.method == "MESSAGE":
            self._subscribers.heard(entry.device_id, Kind.CATALOG)
        try:
            manscdp.child_id(document.element)
        except MalformedDocument:
            self._stats.malformed_bodies += 1
            return
        self._events.receive(entry.device_id, document.element)

    def _response(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        """Devices of 2011 notify with root Response (Q43)."""
        if incoming.request.method == "NOTIFY" or carries_events(document.element):
            self.receive(entry, incoming, document)
        else:
            self._answer(entry, incoming, document)
