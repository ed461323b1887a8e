"""Sound over TCP, each packet behind its length (RFC 4571): the peer connects to us, or we to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from media.audio.errors import LinkFailed
from media.audio.link import AudioLink, LinkTerms
from media.rtp import TcpDeframer, frame_for_tcp

MAX_WAITING_BYTES: Final = 16_000
"""About two seconds that the peer has not taken; what comes on top is dropped."""
CONNECT_ATTEMPTS: Final = 3
CONNECT_PAUSE_S: Final = 1.0


class _Connection(asyncio.Protocol):
    """One TCP connection of a link."""

    def __init__(self, link: TcpLink) -> None:
        self.transport: asyncio.Transport | None = None
        self._link = link
        self._deframer = TcpDeframer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream is all that is opened here
        self.transport = transport
        self._link.connection_made(self)

    def data_received(self, data: bytes) -> None:
        for packet in self._deframer.receive_data(data):
            self._link.packet_received(self, packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.connection_lost(self)


class TcpLink(AudioLink):
    """One peer over TCP.

    Args:
        listener: bound and listening; None when it is we who connect.
        local_host: the address to connect from.
    """

    def __init__(
        self,
        terms: LinkTerms,
        listener: socket.socket | None,
        *,
        local_host: str = "",
        release: Callable[[int], None] = lambda _port: None,
    ) -> None:
        super().__init__(terms, listener.getsockname()[1] if listener is not None else 9)
        self._listener = listener
        self._local_host = local_host
        self._release = release
        self._server: asyncio.Server | None = None
        self._connection: _Connection | None = None

    async def connect(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                if self._listener is None:
                    await self._dial()
                else:
                    await self._await_peer(self._listener)
        except TimeoutError:
            how = "the peer did not connect to us" if self._listener is not None else "no connection"
            raise LinkFailed(f"{how} within {timeout_s:g} s ({self._where()})") from None

    @property
    def waiting_bytes(self) -> int:
        """What the peer has not taken yet."""
        transport = self._connection.transport if self._connection is not None else None
        return transport.get_write_buffer_size() if transport is not None else 0

    def send_frame(self, alaw: bytes) -> None:
        transport = self._connection.transport if self._connection is not None else None
        if transport is None or self.waiting_bytes > MAX_WAITING_BYTES:
            self.stats.frames_dropped += 1
            return
        transport.write(frame_for_tcp(self._packer.pack(alaw)))
        self.stats.frames_sent += 1

    def close(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if self._server is not None:
            self._server.close()
        if self._listener is not None:
            self._listener.close()
            self._release(self.port)
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.abort()

    # ---------------------------------------------------------------- what connections report

    def connection_made(self, connection: _Connection) -> None:
        """A new connection of the peer replaces the one before; a stranger's is closed."""
        transport = connection.transport
        assert transport is not None  # noqa: S101 - set one line before the call
        peer = transport.get_extra_info("peername")
        if not self.is_open or not peer or not self._is_peer(peer[0]):
            self.stats.packets_of_strangers += 1
            transport.abort()
            return
        before, self._connection = self._connection, connection
        if before is not None and before.transport is not None:
            before.transport.abort()
        self.connected.set()

    def packet_received(self, connection: _Connection, packet: bytes) -> None:
        if connection is self._connection and self.is_open:
            self._heard(packet)

    def connection_lost(self, connection: _Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self._broke("the peer closed the connection of the sound")

    # ---------------------------------------------------------------- inside

    async def _await_peer(self, listener: socket.socket) -> None:
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Connection(self), sock=listener
            )
        await self.connected.wait()

    async def _dial(self) -> None:
        if self._terms.remote is None:
            raise LinkFailed("the peer names no address to connect to")
        host, port = self._terms.remote
        local = (self._local_host, 0) if self._local_host else None
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), host, port, local_addr=local
                )
            except OSError as error:
                self.stats.connects_failed += 1
                if attempt == CONNECT_ATTEMPTS:
                    raise LinkFailed(
                        f"{attempt} attempts to connect to {self._where()} failed: {error}"
                    ) from error
                await asyncio.sleep(CONNECT_PAUSE_S)
            else:
                return

    def _where(self) -> str:
        if self._listener is not None:
            return f"our port {self.port}"
        return "{}:{}".format(*(self._terms.remote or ("?", 0)))
