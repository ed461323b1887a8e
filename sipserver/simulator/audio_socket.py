"""The socket of a simulated loudspeaker: hears packets, and in a talk sends some of its own.

UDP: a pair of ports, the second for reports. TCP: it connects, or waits to be connected to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from media.rtp import TcpDeframer, frame_for_tcp
from sipserver.gb.sdp import Setup
from sipserver.simulator.heard import HeardSound

_BIND_ATTEMPTS: Final = 20


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr)


class _Stream(asyncio.Protocol):
    def __init__(self, owner: AudioSocket) -> None:
        self._owner = owner
        self._deframer = TcpDeframer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.stream = transport  # type: ignore[assignment]
        self._owner.connected.set()

    def data_received(self, data: bytes) -> None:
        for packet in self._deframer.receive_data(data):
            self._owner.heard.take(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.broken.set()


class AudioSocket:
    """One call's way for sound.

    Args:
        setup: our part over TCP; None: UDP.
    """

    def __init__(self, host: str, setup: Setup | None) -> None:
        self.heard: Final = HeardSound()
        self.connected: Final = asyncio.Event()
        self.broken: Final = asyncio.Event()
        self.stream: asyncio.Transport | None = None
        self.remote: tuple[str, int] | None = None
        self._host = host
        self._setup = setup
        self._transports: list[asyncio.DatagramTransport] = []
        self._server: asyncio.Server | None = None
        self._sockets = self._bind()

    @property
    def port(self) -> int:
        """For our description; 9 (discard) when we are the one that connects."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 9

    async def open(self) -> None:
        """Begin to hear."""
        loop = asyncio.get_running_loop()
        if self._setup is Setup.PASSIVE:
            self._server = await loop.create_server(lambda: _Stream(self), sock=self._sockets[0])
        for each, take in zip(self._sockets, (self._packet, self._report), strict=False):
            if self._setup is None:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda take=take: _Datagrams(take),  # type: ignore[misc]
                    sock=each,
                )
                self._transports.append(transport)

    async def connect(self, remote: tuple[str, int]) -> None:
        """The peer's address is known: connect, when that is our part.

        Raises:
            OSError: nobody accepts.
        """
        self.remote = remote
        if self._setup is Setup.ACTIVE:
            await asyncio.get_running_loop().create_connection(
                lambda: _Stream(self), *remote, local_addr=(self._host, 0)
            )

    def send(self, packet: bytes) -> None:
        if self.stream is not None:
            self.stream.write(frame_for_tcp(packet))
        elif self._transports and self.remote is not None:
            self._transports[0].sendto(packet, self.remote)

    def close(self) -> None:
        """Harmless when repeated."""
        if self._server is not None:
            self._server.close()
        if self.stream is not None:
            self.stream.close()
        for transport in self._transports:
            transport.close()
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _packet(self, data: bytes, _source: tuple[str, int]) -> None:
        self.heard.take(data)

    def _report(self, _data: bytes, _source: tuple[str, int]) -> None:
        self.heard.reports += 1

    def _bind(self) -> list[socket.socket]:
        if self._setup is Setup.ACTIVE:
            return []
        if self._setup is Setup.PASSIVE:
            listener = self._socket(socket.SOCK_STREAM, 0)
            listener.listen(1)
            return [listener]
        for _ in range(_BIND_ATTEMPTS):
            first = self._socket(socket.SOCK_DGRAM, 0)
            port = int(first.getsockname()[1])
            try:
                return [first, self._socket(socket.SOCK_DGRAM, port + 1)]
            except (OSError, OverflowError):
                first.close()
        raise OSError("no pair of ports is free")

    def _socket(self, kind: socket.SocketKind, port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, kind)
        made.setblocking(False)
        try:
            made.bind((self._host, port))
        except (OSError, OverflowError):
            made.close()
            raise
        return made
