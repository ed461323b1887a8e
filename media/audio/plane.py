"""All sound of this process: its ports, its links and the timer behind them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final, TypeVar

from media.audio.link import AudioLink, LinkTerms
from media.audio.pacer import AudioLine, AudioPacer
from media.audio.sources import AudioSource
from media.audio.tcp_link import TcpLink
from media.audio.udp_link import UdpLink
from media.errors import NoPortFree
from media.ports import PortPool

BIND_ATTEMPTS: Final = 50
WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104

LinkT = TypeVar("LinkT", bound=AudioLink)
MadeT = TypeVar("MadeT")


class AudioPlane:
    """Opens links and lines, and closes those that are left.

    Args:
        host: the address that links are opened on.
        ports: first and last port; a link over UDP takes an even one and the next.
    """

    def __init__(
        self,
        host: str,
        ports: tuple[int, int],
        cool_down_s: float = 10.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.pacer: Final = AudioPacer()
        self._host = host
        self._ports = PortPool(*ports, cool_down_s)
        self._clock = clock
        self._wall = wall
        self._links: set[AudioLink] = set()

    @property
    def links(self) -> int:
        """Those that are open."""
        return len(self._links)

    def close(self) -> None:
        for link in list(self._links):
            self.drop(link)
        self.pacer.close()

    def open_line(self, source: AudioSource) -> AudioLine:
        """A line that begins with silence."""
        line = AudioLine(source)
        self.pacer.add(line)
        return line

    def close_line(self, line: AudioLine) -> None:
        self.pacer.remove(line)

    def open_udp(self, terms: LinkTerms) -> UdpLink:
        """Bind a pair of ports.

        Raises:
            NoPortFree: none can be had.
        """
        host = self._host_for(terms)
        sockets = self._bind(lambda port: self._bind_pair(host, port))
        return self._add(UdpLink(terms, sockets, release=self._released, wall=self._wall))

    def listen_tcp(self, terms: LinkTerms) -> TcpLink:
        """Listen for the peer's connection.

        Raises:
            NoPortFree: none can be had.
        """
        host = self._host_for(terms)
        listener = self._bind(lambda port: self._listen(host, port))
        return self._add(TcpLink(terms, listener, release=self._released))

    def dial_tcp(self, terms: LinkTerms) -> TcpLink:
        """A link whose ``connect`` goes to the peer."""
        return self._add(TcpLink(terms, None))

    def drop(self, link: AudioLink) -> None:
        """Close a link; harmless when repeated."""
        self._links.discard(link)
        link.close()

    # ---------------------------------------------------------------- inside

    def _add(self, link: LinkT) -> LinkT:
        self._links.add(link)
        return link

    def _released(self, port: int) -> None:
        self._ports.release(port, self._clock())

    def _bind(self, make: Callable[[int], MadeT]) -> MadeT:
        """Take the next port that no other program holds."""
        for _ in range(BIND_ATTEMPTS):
            port = self._ports.allocate(self._clock())
            try:
                return make(port)
            except OSError:
                self._released(port)
        raise NoPortFree(f"other programs hold {BIND_ATTEMPTS} ports of the range for sound")

    def _host_for(self, terms: LinkTerms) -> str:
        """Our address towards a peer; a wildcard is that of the peer's family."""
        if self._host not in WILDCARDS or not terms.hosts:
            return self._host
        return "::" if any(":" in host for host in terms.hosts) else WILDCARDS[0]

    def _bind_pair(self, host: str, port: int) -> tuple[socket.socket, socket.socket]:
        first = _bound(socket.SOCK_DGRAM, host, port)
        try:
            return first, _bound(socket.SOCK_DGRAM, host, port + 1)
        except OSError:
            first.close()
            raise

    def _listen(self, host: str, port: int) -> socket.socket:
        listener = _bound(socket.SOCK_STREAM, host, port)
        try:
            listener.listen(4)
        except OSError:
            listener.close()
            raise
        return listener


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    made.setblocking(False)
    if kind is socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made
