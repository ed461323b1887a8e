"""Ports that all streams share: when a session gets a place there, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.settings import MediaSettings, ReceiveOn
from media.transport import MediaTransport

if TYPE_CHECKING:
    from media import _native  # noqa: TID251  (types alone)


@dataclass(frozen=True, slots=True)
class UnknownSsrc:
    """What arrives at a shared port and belongs to no session."""

    ssrc: int
    source: str
    """``host:port`` of the newest packet or connection."""
    transport: str
    """``udp`` or ``tcp``."""
    count: int
    """Datagrams, or connections."""


@dataclass(frozen=True, slots=True)
class SharedPorts:
    """The shared ports at one moment. Counters only rise; ports are 0 where there is none."""

    udp_port: int
    tcp_port: int
    receive_buffer_bytes: int
    """Of the datagram port, for each receiving thread."""
    steered: bool
    """The kernel gives each datagram to the thread of its session; otherwise threads hand them on."""
    malformed: int
    """Datagrams that are no RTP."""
    stray_rtcp: int
    """RTCP of SSRCs that no session has."""
    unknown: int
    """Datagrams and connections with an SSRC that no session has."""
    unknown_rows: tuple[UnknownSsrc, ...]
    """The newest of them first; the table is bounded."""
    handed: int
    """Datagrams that one thread handed to another."""
    handed_dropped: int
    connections: int
    connections_refused: int
    """Too many of one host, or too many that have shown nothing yet."""
    connections_unclaimed: int
    """Closed because no session had their SSRC in time."""
    connections_waiting: int
    connections_by_source: dict[str, int]
    """Open now, the hosts with the most."""


def is_shared(
    settings: MediaSettings, transport: MediaTransport, ssrc: int | None, wanted: ReceiveOn | None
) -> bool:
    """Whether a session is to be received on the shared port.

    Where only the settings say so, a session that cannot be there (no SSRC agreed, no such port) is not.
    We connect ourselves for TCP active: no port matters.
    """
    if (wanted or settings.receive_on) is not ReceiveOn.SHARED_PORT:
        return False
    ports = {
        MediaTransport.UDP: settings.shared_udp_port,
        MediaTransport.TCP_PASSIVE: settings.shared_tcp_port,
    }
    return wanted is not None or (ssrc is not None and ports.get(transport, 0) > 0)


def shared_ports_of(native: _native.SharedPorts) -> SharedPorts:
    return SharedPorts(
        udp_port=native["udp_port"],
        tcp_port=native["tcp_port"],
        receive_buffer_bytes=native["receive_buffer_bytes"],
        steered=native["steered"],
        malformed=native["malformed"],
        stray_rtcp=native["stray_rtcp"],
        unknown=native["unknown"],
        unknown_rows=tuple(UnknownSsrc(*row) for row in native["unknown_rows"]),
        handed=native["handed"],
        handed_dropped=native["handed_dropped"],
        connections=native["connections"],
        connections_refused=native["refused"],
        connections_unclaimed=native["unclaimed"],
        connections_waiting=native["waiting"],
        connections_by_source=dict(native["sources"]),
    )
