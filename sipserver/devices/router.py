"""Which part of this room gets which request: two tables, by method and by command."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.invites import Invites
from sipserver.devices.ports import SipPort
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.profiles.spoken_charset import learn_charset
from sipserver.devices.queries import QueryDesk
from sipserver.devices.registrar import Registrar
from sipserver.devices.senders import Doubt, Senders
from sipserver.devices.stats import DeviceStats
from sipserver.devices.unknown_commands import UnknownCommands
from sipserver.gb.errors import MalformedText
from sipserver.gb.manscdp import Document, parse_document
from sipserver.gb.messages.keepalive import is_plain_keepalive, keepalive_of
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.sampled_log import SampledLog

ALLOW: Final = (
    "Allow",
    "REGISTER, INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, INFO, SUBSCRIBE, NOTIFY",
)

logger = logging.getLogger(__name__)

CommandHandler = Callable[[DeviceEntry, IncomingRequest, Document], None]
"""Acts on a document that was answered with 200 already."""
RequestHandler = Callable[[DeviceEntry, IncomingRequest], bool]
"""Takes and answers a request of a registered device, or leaves it to the next and says False."""


class Router:
    """Takes every request of the transport. The keepalive path touches memory only.

    The other parts of this room put themselves into the tables when they are built: ``commands`` by root and
    CmdType, ``request_handlers`` by method.
    """

    def __init__(
        self,
        transport: SipPort,
        registrar: Registrar,
        senders: Senders,
        presence: Presence,
        queries: QueryDesk,
        invites: Invites,
        stats: DeviceStats,
        profiles: Profiles,
    ) -> None:
        self._transport = transport
        self._senders = senders
        self._presence = presence
        self._queries = queries
        self._invites = invites
        self._stats = stats
        self._profiles = profiles
        self._sampled_log = SampledLog(logger)
        self._unknown = UnknownCommands(stats)
        self.commands: Final[dict[tuple[str, str], CommandHandler]] = {
            ("Notify", "Keepalive"): self._keepalive_document,
            ("Response", "Catalog"): self.take_response,
            ("Response", "DeviceInfo"): self.take_response,
            ("Response", "DeviceStatus"): self.take_response,
        }
        self.request_handlers: Final[dict[str, list[RequestHandler]]] = {}
        self.first: Callable[[IncomingRequest], bool] = _leave
        """Is offered each request before anybody here, and may take it: superiors are no devices."""
        self._methods: Final[Mapping[str, Callable[[IncomingRequest], None]]] = {
            "MESSAGE": self._message,
            "REGISTER": registrar.receive,
            "OPTIONS": self._options,
            "NOTIFY": self._notify,
            "BYE": self._bye,
            "INVITE": self._invite,
            "INFO": self._info,
            "SUBSCRIBE": self._subscribe,
        }

    def receive(self, incoming: IncomingRequest) -> None:
        """Answer one request, at once and exactly once (or never, for sources that had their share)."""
        if self.first(incoming):
            return
        handler = self._methods.get(incoming.request.method)
        if handler is not None:
            handler(incoming)
            return
        self._stats.unknown_methods += 1
        if self._sender(incoming) is not None:
            self._transport.respond(incoming, 405, headers=(ALLOW,))

    def device_removed(self, device_id: str) -> None:
        self._unknown.forget(device_id)

    # ---------------------------------------------------------------- methods

    def _message(self, incoming: IncomingRequest) -> None:
        body = incoming.request.body
        entry = self._sender(incoming)
        if entry is None:
            return
        if is_plain_keepalive(body):
            self._transport.respond(incoming, 200)
            self._keepalive(entry, incoming, ())
        elif not body:
            # The body is lost on the way, or never was there (Q3).
            self._transport.respond(incoming, 200)
            self._stats.empty_keepalives += 1
            self._presence.keepalive(entry, incoming.flow, incoming.received_at)
        else:
            self._document(entry, incoming)

    def _document(self, entry: DeviceEntry, incoming: IncomingRequest) -> None:
        """Read, answer 200 without body, and only then act on it (GB-C051)."""
        try:
            document = parse_document(incoming.request.body, _charset(incoming.request))
        except MalformedText as error:
            self._stats.malformed_bodies += 1
            self._sampled_log.warning("unreadable body from device %s: %s", entry.device_id, error)
            self._transport.respond(incoming, 400)
            return
        self._stats.repaired_bodies += document.repaired
        self._transport.respond(incoming, 200)
        self._presence.heard(entry, incoming.received_at)
        learn_charset(self._profiles, entry.device_id, document, incoming.request.body)
        handler = self.commands.get((document.root, document.cmd_type))
        if handler is None and document.root == "Response":
            handler = self.take_response
        if handler is None:
            self._unknown.note(entry.device_id, document)
            return
        handler(entry, incoming, document)

    def _notify(self, incoming: IncomingRequest) -> None:
        """Out of a dialog too: subscriptions get lost on either side (Q44)."""
        entry = self._sender(incoming)
        if entry is None or self._is_taken(entry, incoming):
            return
        if incoming.request.body:
            self._document(entry, incoming)
        else:
            self._transport.respond(incoming, 200)
            self._presence.heard(entry, incoming.received_at)

    def _options(self, incoming: IncomingRequest) -> None:
        sender = self._senders.identify(incoming)
        if isinstance(sender, Doubt):
            if self._senders.may_answer(incoming, sender):
                self._transport.dismiss(incoming, 200)
            return
        self._presence.heard(sender, incoming.received_at)
        self._transport.respond(incoming, 200, headers=(ALLOW,))

    def _bye(self, incoming: IncomingRequest) -> None:
        """200 always: 481 makes some devices repeat for ever (gb28181.md 6.3)."""
        if self._invites.remote_bye(incoming):
            self._transport.respond(incoming, 200)
            return
        sender = self._senders.identify(incoming)
        if isinstance(sender, Doubt):
            if self._senders.may_answer(incoming, sender):
                self._transport.dismiss(incoming, 200)
            return
        if self._is_taken(sender, incoming):
            return
        self._presence.heard(sender, incoming.received_at)
        self._transport.respond(incoming, 200)

    def _invite(self, incoming: IncomingRequest) -> None:
        """An INVITE that nobody here waits for: a session of ours is never changed by the device."""
        self._offer(incoming, 488)

    def _info(self, incoming: IncomingRequest) -> None:
        self._offer(incoming, 481)

    def _subscribe(self, incoming: IncomingRequest) -> None:
        self._offer(incoming, 489)

    # ---------------------------------------------------------------- commands

    def _keepalive_document(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        try:
            keepalive = keepalive_of(document)
        except MalformedText:
            # Answered already; what cannot be read is still a sign of life.
            self._stats.malformed_bodies += 1
            self._presence.keepalive(entry, incoming.flow, incoming.received_at)
            return
        self._keepalive(entry, incoming, keepalive.faulty_devices)

    def _keepalive(self, entry: DeviceEntry, incoming: IncomingRequest, faulty: tuple[str, ...]) -> None:
        self._stats.keepalives += 1
        if faulty or entry.faulty:
            entry.faulty = faulty
        self._presence.keepalive(entry, incoming.flow, incoming.received_at)

    def take_response(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        """The business answer to a question of ours."""
        if not self._queries.receive(entry.device_id, document):
            self._stats.unexpected_responses += 1
            logger.debug("nobody waits for %s sn %s of %s", document.cmd_type, document.sn, entry.device_id)

    # ---------------------------------------------------------------- inside

    def _offer(self, incoming: IncomingRequest, otherwise: int) -> None:
        entry = self._sender(incoming)
        if entry is not None and not self._is_taken(entry, incoming):
            self._transport.respond(incoming, otherwise)

    def _is_taken(self, entry: DeviceEntry, incoming: IncomingRequest) -> bool:
        handlers = self.request_handlers.get(incoming.request.method, ())
        return any(handler(entry, incoming) for handler in handlers)

    def _sender(self, incoming: IncomingRequest) -> DeviceEntry | None:
        """The registered device, or None after 403: many devices register again on a 4xx only (Q11)."""
        sender = self._senders.identify(incoming)
        if not isinstance(sender, Doubt):
            return sender
        if self._senders.may_answer(incoming, sender):
            if sender is Doubt.FORGED:
                self._sampled_log.warning(
                    "%s from %s:%d claims to be a device that is registered elsewhere",
                    incoming.request.method,
                    *incoming.flow.remote,
                )
            self._transport.dismiss(incoming, 403)
        return None


def _leave(_: IncomingRequest) -> bool:
    return False


def _charset(request: SipRequest) -> str | None:
    _, _, parameters = request.headers.get("Content-Type").partition(";")
    name, _, value = parameters.strip().partition("=")
    return value.strip(" \t\"'") or None if name.strip().lower() == "charset" else None
