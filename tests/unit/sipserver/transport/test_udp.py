"""The UDP socket when the kernel does not take data."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

from sipserver.sip.flow import ReceivedPacket, Transport
from sipserver.transport.settings import ListenAddress, SipTransportSettings
from sipserver.transport.stats import TransportStats
from sipserver.transport.udp import MAX_CACHED_FLOWS, UdpListener, open_udp_socket

PEER = ("198.51.100.20", 5060)


class Socket:
    """A socket that takes so many datagrams and then blocks, or fails as told."""

    family = socket.AF_INET

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.sent: list[bytes] = []
        self.error: OSError | None = None
        self.incoming: list[tuple[bytes, tuple[str, int]]] = []

    def fileno(self) -> int:
        return 1000

    def getsockname(self) -> tuple[str, int]:
        return ("192.0.2.1", 5060)

    def getsockopt(self, *arguments: int) -> int | bytes:
        return 1 << 24 if len(arguments) == 2 else b""

    def sendto(self, data: bytes, remote: tuple[str, int]) -> None:
        if self.error is not None:
            raise self.error
        if self.takes == 0:
            raise BlockingIOError
        self.takes -= 1
        self.sent.append(data)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.incoming:
            raise BlockingIOError
        return self.incoming.pop(0)

    def close(self) -> None: ...


class Loop:
    """Remembers who wants to be called."""

    reader: Callable[[], None] | None = None
    writer: Callable[[], None] | None = None

    def add_reader(self, _: int, callback: Callable[[], None]) -> None:
        self.reader = callback

    def add_writer(self, _: int, callback: Callable[[], None]) -> None:
        self.writer = callback

    def remove_reader(self, _: int) -> None:
        self.reader = None

    def remove_writer(self, _: int) -> None:
        self.writer = None


class Rig:
    def __init__(self, *, takes: int = 0, **settings: Any) -> None:
        self.sock, self.loop, self.stats = Socket(takes), Loop(), TransportStats()
        self.bursts: list[list[ReceivedPacket]] = []
        self.listener = UdpListener(
            self.loop,  # type: ignore[arg-type]
            self.sock,  # type: ignore[arg-type]
            SipTransportSettings(**settings),
            self.stats,
            self.bursts.append,
        )


def test_what_the_kernel_does_not_take_waits_in_order_and_goes_later() -> None:
    rig = Rig(takes=1)
    for data in (b"1", b"2", b"3"):
        rig.listener.send(data, PEER)
    assert rig.sock.sent == [b"1"]
    assert rig.loop.writer is not None
    rig.sock.takes = 1
    rig.loop.writer()
    assert rig.sock.sent == [b"1", b"2"]
    rig.sock.takes = 9
    rig.loop.writer()
    assert rig.sock.sent == [b"1", b"2", b"3"]
    assert rig.loop.writer is None
    assert (rig.stats.datagrams_sent, rig.stats.datagrams_deferred) == (3, 2)


def test_the_backlog_is_bounded_and_what_it_drops_is_counted() -> None:
    rig = Rig(udp_backlog_packets=2)
    for data in (b"1", b"2", b"3"):
        rig.listener.send(data, PEER)
    assert (rig.stats.datagrams_deferred, rig.stats.datagrams_dropped) == (2, 1)


def test_an_error_for_one_peer_is_counted_and_does_not_stop_the_rest() -> None:
    rig = Rig(takes=1)
    rig.sock.error = OSError(errno.ENETUNREACH, "unreachable")
    rig.listener.send(b"1", PEER)
    rig.sock.error = None
    rig.listener.send(b"2", PEER)
    rig.listener.send(b"3", PEER)
    rig.sock.error = OSError(errno.EMSGSIZE, "too long")
    assert rig.loop.writer is not None
    rig.loop.writer()
    assert rig.sock.sent == [b"2"]
    assert rig.stats.datagram_errors == 2
    assert rig.loop.writer is None


def test_a_burst_is_passed_on_whole_and_a_second_one_waits_for_the_next_turn() -> None:
    rig = Rig(udp_datagrams_per_wakeup=3)
    rig.sock.incoming = [(b"datagram %d" % number, PEER) for number in range(4)] + [(b"\r\n\r\n", PEER)]
    assert rig.loop.reader is not None
    rig.loop.reader()
    assert [len(burst) for burst in rig.bursts] == [3]
    rig.loop.reader()
    assert [len(burst) for burst in rig.bursts] == [3, 1]
    assert rig.stats.datagram_pings == 1
    assert len({id(packet.flow) for burst in rig.bursts for packet in burst}) == 1


def test_many_peers_do_not_grow_the_table_of_flows() -> None:
    rig = Rig()
    for number in range(MAX_CACHED_FLOWS + 10):
        rig.listener.flow_to((f"{number}", 5060))
    assert rig.listener.known_flows <= MAX_CACHED_FLOWS


async def test_closing_twice_is_harmless() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    listener = UdpListener(
        asyncio.get_running_loop(), sock, SipTransportSettings(), TransportStats(), lambda packets: None
    )
    listener.close()
    listener.close()


def test_the_queue_of_unread_datagrams_is_seen_filling_and_its_losses_are_counted() -> None:
    stats = TransportStats()
    sock = open_udp_socket(ListenAddress(Transport.UDP, "127.0.0.1", 0), 65_536)
    loop: Any = Loop()
    listener = UdpListener(loop, sock, SipTransportSettings(), stats, lambda _: None)
    assert listener.queue_fraction() == 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(bytes(4000), listener.local)
        first = listener.queue_fraction()
        assert 0.0 < first < 0.5
        for _ in range(200):
            peer.sendto(bytes(4000), listener.local)
    assert listener.queue_fraction() > max(first, 0.9)
    lost = stats.datagrams_lost
    assert lost > 0
    listener.queue_fraction()
    assert stats.datagrams_lost == lost
    sock.close()
    assert listener.queue_fraction() == 0.0


def test_where_the_kernel_does_not_tell_the_queue_counts_as_empty() -> None:
    sock: Any = Socket(1)
    loop: Any = Loop()
    listener = UdpListener(loop, sock, SipTransportSettings(), TransportStats(), lambda _: None)
    assert listener.queue_fraction() == 0.0
