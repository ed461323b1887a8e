"""Where packets come from and go to, as plain values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Transport(StrEnum):
    """The transport token as it stands in Via."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"


class Flow(NamedTuple):
    """One path to one peer: a pair of addresses, and the connection for streams.

    ``connection`` tells connections apart that reuse an address pair; 0 for datagrams.
    """

    transport: Transport
    local: tuple[str, int]
    remote: tuple[str, int]
    connection: int = 0


class ReceivedPacket(NamedTuple):
    """One datagram, or one whole message cut from a stream by the framer."""

    data: bytes
    flow: Flow


class OutgoingPacket(NamedTuple):
    """One datagram or one whole message to write."""

    data: bytes
    flow: Flow


def format_host(host: str) -> str:
    """Write a host as Via and URIs need it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
