"""One SIP connection over TCP or TLS: bytes in, whole messages out, bounded in time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final, Protocol, cast

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import Flow, ReceivedPacket, Transport
from sipserver.sip.framer import StreamFramer
from sipserver.transport.limits import ConnectionSlot
from sipserver.transport.settings import SipTransportSettings
from sipserver.transport.stats import TransportStats

PROBE_AFTER_S: Final = 20
PROBE_EVERY_S: Final = 5
PROBES: Final = 3
"""A connection that we opened is found dead within 35 s: a NAT on the way may have forgotten it, or the line
is cut, and whoever wants to reach us over it cannot say so.
"""
PONG: Final = b"\r\n"  # RFC 5626 section 4.4.1: a double CRLF is answered with one


class ConnectionOwner(Protocol):
    """What a connection tells the driver."""

    def connection_opened(self, connection: StreamConnection) -> None: ...

    def packets_received(self, packets: list[ReceivedPacket]) -> None: ...

    def connection_malformed(self, connection: StreamConnection, error: MalformedMessage) -> None: ...

    def connection_closed(self, connection: StreamConnection) -> None: ...


class StreamConnection(asyncio.Protocol):
    """An asyncio protocol around the stream framer.

    Args:
        number: identity of this connection in the flows of this process, never reused.
        listen_port: our listening port, so that addresses that we advertise on an accepted
            connection name a port that others can reach; None for a connection that we opened.
    """

    def __init__(
        self,
        owner: ConnectionOwner,
        settings: SipTransportSettings,
        stats: TransportStats,
        clock: Callable[[], float],
        *,
        transport_kind: Transport,
        number: int,
        listen_port: int | None,
        slot: ConnectionSlot | None,
    ) -> None:
        self._owner = owner
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._kind = transport_kind
        self._listen_port = listen_port
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._half_since: float | None = None
        self._pings_answered = 0
        self._heard = False
        self._opened_at = clock()
        self._last_heard_at = self._opened_at
        self.number: Final = number
        self.slot: Final = slot
        self.flow = Flow(transport_kind, ("", 0), ("", 0), number)
        self.close_reason: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        local = transport.get_extra_info("sockname") or ("", 0)  # gone again already
        remote = transport.get_extra_info("peername") or ("", 0)
        port = local[1] if self._listen_port is None else self._listen_port
        self.flow = Flow(self._kind, (local[0], port), (remote[0], remote[1]), self.number)
        if self._listen_port is None:
            _watch_over(transport)
        self._transport.set_write_buffer_limits(high=self._settings.write_buffer_max_bytes)
        self._owner.connection_opened(self)

    def data_received(self, data: bytes) -> None:
        now = self._clock()
        try:
            messages = self._framer.receive_data(data)
        except MalformedMessage as error:
            self._give_up(error)
            return
        self._last_heard_at = now
        if self._framer.pings > self._pings_answered:
            self._answer_pings()
        if messages:
            self._heard = True
            self._half_since = None
            flow = self.flow
            self._owner.packets_received([ReceivedPacket(message, flow) for message in messages])
        if self._framer.error is not None:
            self._give_up(self._framer.error)
        elif self._framer.buffered_bytes == 0:
            self._half_since = None
        elif self._half_since is None:
            self._half_since = now
        if self.slot is not None and not self.slot.hold(self._framer.buffered_bytes):
            self._stats.connections_overflowed += 1
            self.abort("too much is held of messages that are not whole")

    def eof_received(self) -> None:
        self.close_reason = self.close_reason or "closed by the peer"

    def connection_lost(self, exc: Exception | None) -> None:
        self.close_reason = self.close_reason or (str(exc) if exc else "closed by the peer")
        self._transport = None
        self._owner.connection_closed(self)

    def send(self, data: bytes) -> None:
        """Write; a peer that does not read loses its connection when the buffer passes its bound."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > self._settings.write_buffer_max_bytes:
            self._stats.connections_overflowed += 1
            self.abort("the peer does not read")

    def overdue(self, now: float) -> str | None:
        """Why this connection has outstayed its time, or None."""
        settings = self._settings
        if not self._heard and now - self._opened_at > settings.first_message_timeout_s:
            return "no SIP message after connecting"
        if self._half_since is not None and now - self._half_since > settings.half_message_timeout_s:
            return "a message was begun and not finished"
        if now - self._last_heard_at > settings.idle_timeout_s:
            return "idle"
        return None

    def close(self, reason: str) -> None:
        self.close_reason = self.close_reason or reason
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        self.close_reason = self.close_reason or reason
        if self._transport is not None:
            self._transport.abort()

    def _give_up(self, error: MalformedMessage) -> None:
        """A stream that cannot be cut into messages has no next message."""
        self._stats.connections_malformed += 1
        self._owner.connection_malformed(self, error)
        self.abort(f"malformed stream: {error}")

    def _answer_pings(self) -> None:
        self._stats.stream_pings += self._framer.pings - self._pings_answered
        self._pings_answered = self._framer.pings
        self.send(PONG)


def _watch_over(transport: asyncio.BaseTransport) -> None:
    """Have the kernel look whether the peer is there, and give up what it does not acknowledge."""
    made = transport.get_extra_info("socket")
    options = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", PROBE_AFTER_S),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", PROBE_EVERY_S),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", PROBES),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 1_000 * (PROBE_AFTER_S + PROBES * PROBE_EVERY_S)),
    )
    for level, name, value in options:
        # Not every system has all of them; and the connection may be gone again already.
        if made is not None and hasattr(socket, name):
            with contextlib.suppress(OSError):
                made.setsockopt(level, getattr(socket, name), value)
