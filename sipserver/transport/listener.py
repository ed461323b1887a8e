"""Listening sockets of TCP and TLS: limits are checked at accept, before a TLS handshake costs anything."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from sipserver.sip.flow import Transport
from sipserver.transport.connection import StreamConnection
from sipserver.transport.errors import ListenFailed
from sipserver.transport.limits import ConnectionLimits, ConnectionSlot
from sipserver.transport.sampled_log import SampledLog
from sipserver.transport.settings import ListenAddress, SipTransportSettings
from sipserver.transport.stats import TransportStats

ACCEPT_BURST: Final = 64
LISTEN_BACKLOG: Final = 1024
EXHAUSTED_PAUSE_S: Final = 1.0
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

logger = logging.getLogger(__name__)


def open_stream_socket(address: ListenAddress) -> socket.socket:
    """A bound, listening, non-blocking TCP socket.

    Raises:
        ListenFailed: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address.host, address.port))
        sock.listen(LISTEN_BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenFailed(f"cannot listen on {address}: {error}") from error
    return sock


class StreamListener:
    """Accepts connections on one socket and hands each to a new StreamConnection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        kind: Transport,
        settings: SipTransportSettings,
        stats: TransportStats,
        limits: ConnectionLimits,
        make_connection: Callable[[Transport, int, ConnectionSlot], StreamConnection],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._settings = settings
        self._stats = stats
        self._limits = limits
        self._make_connection = make_connection
        self._tls = tls
        self._handshakes: set[asyncio.Task[None]] = set()
        self._resume: asyncio.TimerHandle | None = None
        self._sampled_log = SampledLog(logger)
        host, port = sock.getsockname()[:2]
        self.local: Final[tuple[str, int]] = (host, port)
        self.kind: Final = kind
        loop.add_reader(sock.fileno(), self._accept)

    async def close(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(ACCEPT_BURST):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._pause(error)
                return
            source = str(address[0])
            slot = self._limits.take(source)
            if slot is None:
                self._stats.connections_refused += 1
                self._sampled_log.warning("too many connections, refused one from %s", source)
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._set_up(sock, slot))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    def _pause(self, error: OSError) -> None:
        """Out of descriptors: the waiting connection would wake the loop for ever."""
        self._sampled_log.warning("cannot accept connections on %s:%d: %s", *self.local, error)
        self._loop.remove_reader(self._sock.fileno())
        self._resume = self._loop.call_later(
            EXHAUSTED_PAUSE_S, self._loop.add_reader, self._sock.fileno(), self._accept
        )

    async def _set_up(self, sock: socket.socket, slot: ConnectionSlot) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make_connection(self.kind, self.local[1], slot),
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=self._settings.handshake_timeout_s if self._tls else None,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            slot.release()
            self._stats.handshakes_failed += 1
            self._sampled_log.warning("connection from %s was not set up: %s", slot.source, error)
            sock.close()
        except asyncio.CancelledError:
            slot.release()
            sock.close()
            raise
