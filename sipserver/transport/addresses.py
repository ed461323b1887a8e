"""Which of our addresses a peer should be told: never 0.0.0.0.

A platform has several network cards, containers and NAT in front of it; one configured address for
all peers is the usual reason for "registered, but no picture". Via, Contact and SDP therefore name
the address that belongs to the peer's network.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from time import monotonic
from typing import Final

from sipserver.sip.flow import Flow

ROUTE_CACHE_S: Final = 60.0
MAX_CACHED_PEERS: Final = 16_384
FALLBACK_HOSTS: Final[Mapping[int, str]] = {4: "127.0.0.1", 6: "::1"}

_Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address


def split_host_port(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port``, ``::1`` or ``[::1]:port``."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest.startswith(":") else None
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, int(port)
    return text, None


def is_wildcard(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_unspecified
    except ValueError:
        return host == ""


def local_address_towards(peer: str) -> str | None:
    """The address that the kernel would send from to reach ``peer``; nothing is sent.

    Returns:
        The local address, or None when there is no route.
    """
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, 9))
            host = str(probe.getsockname()[0])
    except OSError:
        return None
    return None if is_wildcard(host) else host


def is_own_address(host: str) -> bool:
    """Whether this machine has the address; a name is none."""
    try:
        address = ip_address(host.partition("%")[0])
        with socket.socket(
            socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM
        ) as probe:
            probe.bind((str(address), 0))
    except (OSError, ValueError):
        return False
    return not address.is_unspecified


class AdvertisedAddresses:
    """The table of peer networks, longest prefix first, then the route to the peer.

    Raises:
        ValueError: a network or an address of the table is not one, or is a wildcard.
    """

    def __init__(
        self,
        table: Mapping[str, str],
        *,
        route: Callable[[str], str | None] = local_address_towards,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        rows: list[tuple[_Network, str, int | None]] = []
        for network, text in table.items():
            host, port = split_host_port(text)
            if is_wildcard(host):
                raise ValueError(f"advertised address for {network} is {text!r}, which no peer can reach")
            rows.append((ip_network(network), host, port))
        self._rows = sorted(rows, key=lambda row: row[0].prefixlen, reverse=True)
        self._route = route
        self._clock = clock
        self._cache: dict[tuple[str, str], tuple[float, str, int | None]] = {}
        self._of_peers: dict[str, tuple[str, int | None]] = {}

    def for_flow(self, flow: Flow) -> tuple[str, int]:
        """Host and port to print in Via, Contact and SDP towards the peer of ``flow``."""
        key = (flow.remote[0], flow.local[0])
        now = self._clock()
        cached = self._cache.get(key)
        if cached is None or cached[0] <= now:
            if len(self._cache) >= MAX_CACHED_PEERS:
                self._cache.clear()
            host, port = self._find(*key)
            cached = (now + ROUTE_CACHE_S, host, port)
            self._cache[key] = cached
        return cached[1], cached[2] or flow.local[1]

    def set_for(self, peer: str, text: str) -> None:
        """Print another address to one peer; an empty text takes that back.

        Raises:
            ValueError: the address is a wildcard.
        """
        host, port = split_host_port(text)
        if not text:
            self._of_peers.pop(peer, None)
        elif is_wildcard(host):
            raise ValueError(f"advertised address for {peer} is {text!r}, which no peer can reach")
        else:
            self._of_peers[peer] = host, port
        self._cache.clear()

    @property
    def cached_peers(self) -> int:
        return len(self._cache)

    def _find(self, peer: str, bound_to: str) -> tuple[str, int | None]:
        if (chosen := self._of_peers.get(peer)) is not None:
            return chosen
        address = _parse(peer)
        if address is not None:
            for network, host, port in self._rows:
                if address.version == network.version and address in network:
                    return host, port
        if not is_wildcard(bound_to):
            return bound_to, None
        return self._route(peer) or FALLBACK_HOSTS[6 if ":" in bound_to else 4], None


def _parse(peer: str) -> _Address | None:
    try:
        return ip_address(peer.partition("%")[0])
    except ValueError:
        return None
