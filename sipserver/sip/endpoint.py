"""One SIP endpoint without input and output: packets and time in, packets, events and deadlines out.

The user calls ``receive``, ``handle_timer``, ``send`` and so on, and after each call writes what
``packets_to_send()`` returns, acts on what ``events()`` returns, and arms its clock for ``next_timer()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from sipserver.sip.client import ClientSide, ClientTransaction
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.events import ClientKey, Event, ServerKey
from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket, Transport
from sipserver.sip.message import SipRequest, SipResponse, parse_message
from sipserver.sip.outbox import Outbox
from sipserver.sip.server import ServerSide, ServerTransaction
from sipserver.sip.settings import EndpointSettings
from sipserver.sip.stats import EndpointStats
from sipserver.sip.transaction import State

__all__ = ["MAX_DATAGRAM_BYTES", "Endpoint", "Flow", "OutgoingPacket", "ReceivedPacket", "Transport"]

# The largest UDP payload over IPv4: 65,535 less 20 of IP and 8 of UDP.
MAX_DATAGRAM_BYTES: Final = 65_507
# CRLF, double CRLF and four zero bytes are what devices send to keep a NAT binding.
_MAX_PING_BYTES: Final = 4


class Endpoint:
    """The transaction layer of RFC 3261 for any number of flows.

    Args:
        token: returns a fresh, unguessable text of at least 16 token characters at each call.
        settings: bounds.

    ``now`` is seconds on any clock that never goes back.
    """

    def __init__(self, token: Callable[[], str], settings: EndpointSettings | None = None) -> None:
        self._outbox = Outbox(token, settings or EndpointSettings())
        self._server = ServerSide(self._outbox)
        self._client = ClientSide(self._outbox)

    @property
    def stats(self) -> EndpointStats:
        return self._outbox.stats

    @property
    def server_transactions(self) -> int:
        """How many requests of peers are held, answered ones included."""
        return len(self._server)

    @property
    def client_transactions(self) -> int:
        return len(self._client)

    def receive(self, packet: ReceivedPacket, now: float) -> None:
        """Take in one datagram or one whole message of a stream. Never raises for what a peer sent."""
        data, flow = packet
        try:
            message = parse_message(data)
            if message.suspicion:
                self._outbox.stats.suspicious += 1
            if isinstance(message, SipRequest):
                self._server.receive(message, flow, now)
            else:
                self._client.receive(message, flow, now)
        except MalformedMessage as error:
            self._receive_malformed(data, flow, error)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection is gone, or a datagram was refused: fail what depends on it."""
        self._client.close_flow(flow)
        self._server.close_flow(flow)

    def handle_timer(self, now: float) -> None:
        """Do what is due. May be called early or late."""
        for _, transaction, timer in self._outbox.timers.due(now):
            if transaction.state is State.TERMINATED:
                continue
            if isinstance(transaction, ServerTransaction):
                self._server.handle_timer(transaction, timer, now)
            else:
                self._client.handle_timer(cast(ClientTransaction, transaction), timer, now)
        self._outbox.timers.refresh()

    def next_timer(self) -> float | None:
        """When to call ``handle_timer`` next; None when nothing waits."""
        return self._outbox.timers.next_deadline()

    def packets_to_send(self) -> list[OutgoingPacket]:
        """Take what has to be written, in order."""
        packets = self._outbox.packets
        if packets:
            self._outbox.packets = []
        return packets

    def events(self) -> list[Event]:
        """Take what has happened, in order."""
        events = self._outbox.events
        if events:
            self._outbox.events = []
        return events

    def send(self, request: SipRequest, flow: Flow, sent_by: tuple[str, int], now: float) -> ClientKey:
        """Start a client transaction; adds Via (branch, rport) and Max-Forwards when absent.

        Args:
            sent_by: address and port that the peer shall see in Via.

        Raises:
            LocalViolation: ACK or CANCEL, or a CSeq of another method.
            EndpointFull: too many requests are under way.
        """
        return self._client.send(request, flow, sent_by, now)

    def send_ack(self, ack: SipRequest, flow: Flow, sent_by: tuple[str, int], now: float) -> None:
        """Acknowledge a 2xx. The endpoint repeats it for every repetition of that 2xx."""
        self._client.send_ack(ack, flow, sent_by)

    def cancel(self, client_key: ClientKey, now: float) -> None:
        """Cancel an INVITE (RFC 3261 9.1). Its end is still reported, even a 2xx that crosses."""
        self._client.cancel(client_key, now)

    def abandon(self, client_key: ClientKey) -> None:
        """Repeat a request (not INVITE) no more: a newer one has made it wrong. Its end is not reported."""
        self._client.abandon(client_key)

    def respond(self, server_key: ServerKey, response: SipResponse, now: float) -> None:
        """Answer a request. Adds a To tag to ``response`` when it has none.

        An answer that comes too late (cancelled, given up, answered already) is counted and dropped.
        """
        self._server.respond(server_key, response, now)

    def dismiss(self, server_key: ServerKey, response: SipResponse) -> None:
        """Answer a request of a peer that nobody vouches for: once, and keep nothing about it."""
        self._server.dismiss(server_key, response)

    def _receive_malformed(self, data: bytes, flow: Flow, error: MalformedMessage) -> None:
        stats = self._outbox.stats
        if len(data) <= _MAX_PING_BYTES and not data.strip(b"\r\n\0"):
            stats.pings += 1
            return
        stats.malformed += 1
        if error.request is not None and error.request.method != "ACK":
            self._server.refuse_malformed(error.request, flow, error.status)
