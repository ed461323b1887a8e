"""A UDP socket read in bursts, without a transport object between the kernel and the endpoint."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from sipserver.sip.flow import Flow, ReceivedPacket, Transport
from sipserver.transport.errors import ListenFailed
from sipserver.transport.sampled_log import SampledLog
from sipserver.transport.settings import ListenAddress, SipTransportSettings
from sipserver.transport.stats import TransportStats

MAX_DATAGRAM_BYTES: Final = 65_535
MAX_PING_BYTES: Final = 4  # NAT keepalives: CRLF, CRLF CRLF, four zero bytes
MAX_CACHED_FLOWS: Final = 65_536
# include/uapi/linux/sock_diag.h: nine numbers; the first is what is queued, the second what may be,
# the last what was lost for want of room.
SO_MEMINFO: Final = 55
MEMORY_FORMAT: Final = struct.Struct("=9I")

logger = logging.getLogger(__name__)


def open_udp_socket(address: ListenAddress, receive_buffer_bytes: int) -> socket.socket:
    """A bound, non-blocking socket with the receive buffer raised as far as the kernel allows.

    Raises:
        ListenFailed: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        raise ListenFailed(f"cannot listen on {address}: {error}") from error
    return sock


class UdpListener:
    """Owns one UDP socket: bursts of datagrams in, datagrams out, a bounded backlog between."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        settings: SipTransportSettings,
        stats: TransportStats,
        receive: Callable[[list[ReceivedPacket]], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._receive = receive
        self._stats = stats
        self._burst = range(settings.udp_datagrams_per_wakeup)
        self._backlog: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._backlog_max = settings.udp_backlog_packets
        self._flows: dict[object, Flow] = {}
        self._lost = 0
        self._sampled_log = SampledLog(logger)
        host, port = sock.getsockname()[:2]
        self.local: Final[tuple[str, int]] = (host, port)
        self.is_ipv6: Final = sock.family == socket.AF_INET6
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.receive_buffer_bytes: Final = granted
        wanted = settings.udp_receive_buffer_bytes
        # Linux doubles what it grants for its own bookkeeping, so half of it holds datagrams.
        level = logging.INFO if granted >= wanted else logging.WARNING
        logger.log(level, "udp receive buffer on %s:%d is %d bytes, %d wanted", host, port, granted, wanted)
        loop.add_reader(sock.fileno(), self._read)

    @property
    def known_flows(self) -> int:
        return len(self._flows)

    def queue_fraction(self) -> float:
        """How full the kernel's queue of datagrams that nobody read is, 0 to 1; 0 where that is not told."""
        try:
            told = self._sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMORY_FORMAT.size)
        except OSError:
            return 0.0
        if len(told) != MEMORY_FORMAT.size:
            return 0.0
        memory = MEMORY_FORMAT.unpack(told)
        allocated, limit, lost = memory[0], memory[1], memory[8]
        self._stats.datagrams_lost += (lost - self._lost) % 2**32
        self._lost = lost
        return float(allocated / limit) if limit else 0.0

    def close(self) -> None:
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock.fileno())
        if self._backlog:
            self._loop.remove_writer(self._sock.fileno())
            self._backlog.clear()
        self._sock.close()

    def flow_to(self, remote: tuple[str, int]) -> Flow:
        """The flow between this socket and a peer; one object per peer, because flows are keys."""
        flow = self._flows.get(remote)
        if flow is None:
            if len(self._flows) >= MAX_CACHED_FLOWS:
                self._flows.clear()
            flow = Flow(Transport.UDP, self.local, remote)
            self._flows[remote] = flow
        return flow

    def send(self, data: bytes, remote: tuple[str, int]) -> None:
        """Send now, or in order once the socket takes data again; drop when the backlog is full."""
        if self._backlog:
            self._defer(data, remote)
            return
        try:
            self._sock.sendto(data, remote)
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(self._sock.fileno(), self._write)
            self._defer(data, remote)
        except (OSError, OverflowError) as error:
            self._failed(remote, error)
        else:
            self._stats.datagrams_sent += 1
            self._stats.datagram_bytes_sent += len(data)

    def _read(self) -> None:
        recvfrom = self._sock.recvfrom
        flows = self._flows
        stats = self._stats
        new = tuple.__new__  # makes a named tuple in half the time of its class
        packets: list[ReceivedPacket] = []
        total = 0
        try:
            for _ in self._burst:
                data, address = recvfrom(MAX_DATAGRAM_BYTES)
                total += len(data)
                if len(data) <= MAX_PING_BYTES:
                    stats.datagram_pings += 1
                    continue
                flow = flows.get(address)
                if flow is None:
                    flow = self._new_flow(address)
                packets.append(new(ReceivedPacket, (data, flow)))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            # An ICMP error for something that was sent earlier; the transaction timers decide.
            stats.datagram_errors += 1
        if packets:
            stats.datagrams_received += len(packets)
            stats.datagram_bytes_received += total
            self._receive(packets)

    def _new_flow(self, address: tuple[str, int] | tuple[str, int, int, int]) -> Flow:
        host, port = address[:2]
        if len(address) == 4 and address[3]:  # a link-local peer means nothing without its interface
            host = f"{host}%{address[3]}"
        flow = self.flow_to((host, port))
        self._flows[address] = flow
        return flow

    def _defer(self, data: bytes, remote: tuple[str, int]) -> None:
        if len(self._backlog) >= self._backlog_max:
            self._stats.datagrams_dropped += 1
            self._sampled_log.warning("udp send backlog of %d packets is full, dropping", self._backlog_max)
            return
        self._backlog.append((data, remote))
        self._stats.datagrams_deferred += 1

    def _write(self) -> None:
        while self._backlog:
            data, remote = self._backlog[0]
            try:
                self._sock.sendto(data, remote)
            except (BlockingIOError, InterruptedError):
                return
            except (OSError, OverflowError) as error:
                self._failed(remote, error)
            else:
                self._stats.datagrams_sent += 1
                self._stats.datagram_bytes_sent += len(data)
            self._backlog.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _failed(self, remote: tuple[str, int], error: Exception) -> None:
        self._stats.datagram_errors += 1
        self._sampled_log.warning("cannot send a datagram to %s:%d: %s", *remote, error)
