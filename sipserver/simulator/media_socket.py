"""The socket that a stream leaves through, as offer and answer agreed.

UDP: bound before the answer, for its port number. TCP: the device connects to the platform (setup:active, the
ordinary case), trying several times, or waits for the platform to connect (setup:passive). GB-C102, GB-C103.
"""

import asyncio
import socket
from collections.abc import Callable

from sipserver.gb.sdp import SessionDescription, Setup
from sipserver.simulator.sender import SEND_BUFFER_BYTES
from sipserver.simulator.wire import MediaTransport

_ACCEPT_TIMEOUT_S = 10.0


class MediaSocket:
    """One stream's socket on its way from answer to connection.

    Args:
        signalling_host: where the INVITE came from, for an offer without an address.
    """

    def __init__(self, offer: SessionDescription, local_host: str, signalling_host: str) -> None:
        self.transport = MediaTransport.TCP if offer.is_tcp else MediaTransport.UDP
        self._remote = (offer.host or signalling_host, offer.port)
        self._waits = offer.is_tcp and offer.setup is Setup.ACTIVE
        family = socket.AF_INET6 if ":" in local_host else socket.AF_INET
        kind = socket.SOCK_STREAM if offer.is_tcp else socket.SOCK_DGRAM
        self._family, self._kind, self._local_host = family, kind, local_host
        self._socket: socket.socket | None = None
        if not offer.is_tcp or self._waits:
            self._socket = self._make()
            self._socket.bind((local_host, 0))
            if self._waits:
                self._socket.listen(1)

    @property
    def port(self) -> int:
        """For the answer; 9 (discard) when the device is the one that connects."""
        return 9 if self._socket is None else int(self._socket.getsockname()[1])

    async def connect(
        self, attempts: int, interval_s: float, on_failure: Callable[[], None]
    ) -> socket.socket:
        """The connected socket, which is the caller's from now on.

        Raises:
            OSError: nobody there, after every attempt.
        """
        if self._waits:
            return await self._accept()
        if self._socket is not None:
            self._socket.connect(self._remote)
            taken, self._socket = self._socket, None
            return taken
        for attempt in range(1, attempts + 1):
            try:
                return await self._connect_once()
            except OSError:
                on_failure()
                if attempt == attempts:
                    raise
                await asyncio.sleep(interval_s)
        raise OSError("no attempt was allowed")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _make(self) -> socket.socket:
        made = socket.socket(self._family, self._kind)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        return made

    async def _connect_once(self) -> socket.socket:
        made = self._make()
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.bind((self._local_host, 0))
            async with asyncio.timeout(5.0):
                await asyncio.get_running_loop().sock_connect(made, self._remote)
        except BaseException:
            made.close()
            raise
        return made

    async def _accept(self) -> socket.socket:
        assert self._socket is not None  # noqa: S101 - made in __init__ for this case
        async with asyncio.timeout(_ACCEPT_TIMEOUT_S):
            accepted, _ = await asyncio.get_running_loop().sock_accept(self._socket)
        self.close()
        return accepted
