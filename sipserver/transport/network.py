"""All sockets of a transport: UDP sockets, listeners and connections, and the way out to each peer."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Final, Protocol

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket, Transport
from sipserver.transport.connection import StreamConnection
from sipserver.transport.errors import ConnectFailed, FlowClosed
from sipserver.transport.limits import ConnectionLimits, ConnectionSlot
from sipserver.transport.listener import StreamListener
from sipserver.transport.sampled_log import SampledLog
from sipserver.transport.settings import ListenAddress, SipTransportSettings
from sipserver.transport.sockets import OpenSocket, open_sockets
from sipserver.transport.stats import TransportStats
from sipserver.transport.tls import TlsTrust, checking_context, reason_of, server_context
from sipserver.transport.udp import UdpListener

SWEEP_INTERVAL_S: Final = 5.0

logger = logging.getLogger(__name__)


class NetworkOwner(Protocol):
    """What the sockets tell the driver."""

    def packets_received(self, packets: list[ReceivedPacket]) -> None: ...

    def flow_closed(self, flow: Flow) -> None: ...


class Network:
    """Opens and closes together, and knows every connection by its number."""

    def __init__(
        self,
        owner: NetworkOwner,
        settings: SipTransportSettings,
        stats: TransportStats,
        clock: Callable[[], float],
    ) -> None:
        self._owner = owner
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._limits = ConnectionLimits(settings)
        self._sampled_log = SampledLog(logger)
        self._udp: dict[tuple[str, int], UdpListener] = {}
        self._listeners: list[StreamListener] = []
        self._connections: dict[int, StreamConnection] = {}
        self._last_connection = 0
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self.is_open = False

    # ---------------------------------------------------------------- life

    def open(self) -> None:
        """Open every configured address, or none.

        Raises:
            ListenFailed: one of them cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        settings = self._settings
        tls = None
        if any(address.transport is Transport.TLS for address in settings.listens):
            tls = server_context(settings.tls_certificate, settings.tls_key)
        for opened in open_sockets(settings.listens, settings.udp_receive_buffer_bytes):
            self._listen(opened, tls)
        self.is_open = True
        self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep_and_rearm)

    async def close(self) -> None:
        self.is_open = False
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for listener in self._listeners:
            await listener.close()
        for connection in list(self._connections.values()):
            connection.close("the platform is closing")
        for udp in self._udp.values():
            udp.close()

    @property
    def addresses(self) -> list[ListenAddress]:
        """What is listened on, with the real port numbers."""
        udp = [ListenAddress(Transport.UDP, *listener.local) for listener in self._udp.values()]
        return udp + [ListenAddress(listener.kind, *listener.local) for listener in self._listeners]

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def queue_fraction(self) -> float:
        """How full the fullest of the kernel's queues of unread datagrams is, 0 to 1."""
        return max((listener.queue_fraction() for listener in self._udp.values()), default=0.0)

    # ---------------------------------------------------------------- ways out

    def send(self, packet: OutgoingPacket) -> None:
        data, flow = packet
        if not flow.connection:
            self._udp[flow.local].send(data, flow.remote)
            return
        connection = self._connections.get(flow.connection)
        if connection is None:
            self._stats.packets_without_flow += 1
        else:
            connection.send(data)

    def flow_to(self, remote: tuple[str, int], local: tuple[str, int] | None) -> Flow:
        """The UDP flow to a peer, from ``local`` when that is one of our sockets.

        Raises:
            FlowClosed: no UDP socket of the peer's address family is open.
        """
        if local is not None and local in self._udp:
            return self._udp[local].flow_to(remote)
        is_ipv6 = ":" in remote[0]
        for listener in self._udp.values():
            if listener.is_ipv6 == is_ipv6:
                return listener.flow_to(remote)
        raise FlowClosed(f"no udp socket is open that can reach {remote[0]}:{remote[1]}")

    def is_flow_open(self, flow: Flow) -> bool:
        if flow.transport is Transport.UDP:
            return flow.local in self._udp
        return flow.connection in self._connections

    async def connect(
        self, kind: Transport, remote: tuple[str, int], tls: ssl.SSLContext | None, server_name: str = ""
    ) -> Flow:
        """Open a connection of our own.

        Raises:
            ConnectFailed: refused, unreachable, not within ``connect_timeout_s``, or not whom we look for.
        """
        timeout_s = self._settings.connect_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: self._make_connection(kind, None, None),
                    *remote,
                    ssl=tls,
                    server_hostname=(server_name or None) if tls is not None else None,
                )
        except TimeoutError as error:
            raise ConnectFailed(
                f"cannot connect to {remote[0]}:{remote[1]}: no answer within {timeout_s:g} s"
            ) from error
        except OSError as error:
            raise ConnectFailed(f"cannot connect to {remote[0]}:{remote[1]}: {reason_of(error)}") from error
        self._stats.connections_opened += 1
        return connection.flow

    def tls_towards(self, trust: TlsTrust) -> ssl.SSLContext:
        """The context for ``connect``, with the certificate that we listen with.

        Raises:
            ConnectFailed: a file does not hold what it should.
        """
        return checking_context(trust, self._settings.tls_certificate, self._settings.tls_key)

    def close_flow(self, flow: Flow, reason: str) -> None:
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.close(reason)

    def sweep(self) -> None:
        """Close connections that have outstayed their time."""
        now = self._clock()
        for connection in list(self._connections.values()):
            reason = connection.overdue(now)
            if reason is not None:
                self._stats.connections_timed_out += 1
                connection.abort(reason)

    # ---------------------------------------------------------------- what connections report

    def connection_opened(self, connection: StreamConnection) -> None:
        self._connections[connection.number] = connection
        if connection.slot is not None:
            self._stats.connections_accepted += 1
        logger.debug("connection %d opened: %s", connection.number, connection.flow)

    def packets_received(self, packets: list[ReceivedPacket]) -> None:
        self._owner.packets_received(packets)

    def connection_malformed(self, connection: StreamConnection, error: MalformedMessage) -> None:
        self._sampled_log.warning("closing the connection from %s:%d: %s", *connection.flow.remote, error)

    def connection_closed(self, connection: StreamConnection) -> None:
        if connection.slot is not None:
            connection.slot.release()
        if self._connections.pop(connection.number, None) is None:
            return
        self._stats.connections_closed += 1
        logger.debug("connection %d closed: %s", connection.number, connection.close_reason)
        if self.is_open:
            self._owner.flow_closed(connection.flow)

    # ---------------------------------------------------------------- inside

    def _listen(self, opened: OpenSocket, tls: ssl.SSLContext | None) -> None:
        kind = opened.address.transport
        if kind is Transport.UDP:
            udp = UdpListener(
                self._loop, opened.sock, self._settings, self._stats, self._owner.packets_received
            )
            self._udp[udp.local] = udp
            return
        self._listeners.append(
            StreamListener(
                self._loop,
                opened.sock,
                kind,
                self._settings,
                self._stats,
                self._limits,
                self._make_connection,
                tls if kind is Transport.TLS else None,
            )
        )

    def _make_connection(
        self, kind: Transport, listen_port: int | None, slot: ConnectionSlot | None
    ) -> StreamConnection:
        self._last_connection += 1
        return StreamConnection(
            self,
            self._settings,
            self._stats,
            self._clock,
            transport_kind=kind,
            number=self._last_connection,
            listen_port=listen_port,
            slot=slot,
        )

    def _sweep_and_rearm(self) -> None:
        self.sweep()
        self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep_and_rearm)
