"""The three ways on which pictures come: UDP, the subordinate connects, we connect."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from media.rtp import TcpDeframer
from sipserver.gb.sdp import Setup
from sipserver.simulator.superior.errors import StepFailed

RECEIVE_BUFFER_BYTES: Final = 4 << 20
CONNECT_TRIES: Final = 3
CONNECT_PAUSE_S: Final = 1.0
"""At least three tries, a second apart. Source: GB/T 28181-2022 annex L."""
READ_BYTES: Final = 1 << 16
NO_PORT: Final = 9
"""What an active side prints, having none (RFC 4145 section 4.1)."""


class WayName(StrEnum):
    UDP = "udp"
    TCP_PASSIVE = "tcp-passive"
    """We listen, the subordinate connects."""
    TCP_ACTIVE = "tcp-active"
    """We connect to the subordinate."""

    @property
    def setup(self) -> Setup | None:
        """Our part in the offer."""
        match self:
            case WayName.UDP:
                return None
            case WayName.TCP_PASSIVE:
                return Setup.PASSIVE
            case WayName.TCP_ACTIVE:
                return Setup.ACTIVE


class MediaWay:
    """One way for one stream. ``take`` is called with each RTP packet; ``ended`` is set when it closes."""

    def __init__(self, name: WayName, host: str, take: Callable[[bytes], None]) -> None:
        self.name: Final = name
        self.host: Final = host
        self.port = NO_PORT
        self.ended = asyncio.Event()
        self.connections = 0
        self._take = take
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        """Take a port, where this side has one.

        Raises:
            StepFailed: the address is not ours.
        """
        loop = asyncio.get_running_loop()
        try:
            if self.name is WayName.UDP:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self._take), local_addr=(self.host, 0)
                )
                made = self._udp.get_extra_info("socket")
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                self.port = made.getsockname()[1]
            elif self.name is WayName.TCP_PASSIVE:
                self._server = await asyncio.start_server(self._read, self.host, 0)
                self.port = self._server.sockets[0].getsockname()[1]
        except OSError as error:
            raise StepFailed(f"no port for pictures on {self.host}: {error}") from error

    def answered(self, host: str, port: int) -> None:
        """Where the subordinate sends from, or listens: connect there if that is our part."""
        if self.name is WayName.TCP_ACTIVE:
            self._task = asyncio.get_running_loop().create_task(self._connect(host, port), name="media way")

    def send(self, packet: bytes, to: tuple[str, int]) -> None:
        """A datagram out of our port (RTCP, or a packet that opens a NAT)."""
        if self._udp is not None:
            self._udp.sendto(packet, to)

    async def close(self) -> None:
        """Give everything back; harmless when repeated."""
        if self._udp is not None:
            self._udp.close()
        if self._server is not None:
            self._server.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for writer in self._writers:
            writer.close()
        self._udp, self._server, self._task = None, None, None
        self._writers.clear()
        self.ended.set()

    async def _connect(self, host: str, port: int) -> None:
        for left in range(CONNECT_TRIES - 1, -1, -1):
            try:
                reader, writer = await asyncio.open_connection(host, port)
            except OSError:
                if left:
                    await asyncio.sleep(CONNECT_PAUSE_S)
                continue
            await self._read(reader, writer)
            return
        self.ended.set()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        deframer = TcpDeframer()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                for packet in deframer.receive_data(data):
                    self._take(packet)
        self.ended.set()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self._take(data)
