"""Settings of the SIP sockets; sizes in bytes, times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from sipserver.sip.flow import Transport

DEFAULT_SIP_PORT = 5060


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One socket to listen on. Port 0 lets the kernel choose."""

    transport: Transport
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.value.lower()}://{host}:{self.port}"


def listen_pair(host: str, port: int) -> tuple[ListenAddress, ListenAddress]:
    """UDP and TCP on one port, as the standard asks of a SIP server.

    With port 0 both still get the same number: the driver pairs addresses of one host and port.
    """
    return ListenAddress(Transport.UDP, host, port), ListenAddress(Transport.TCP, host, port)


@dataclass(frozen=True, slots=True)
class SipTransportSettings:
    """How the SIP sockets are opened, named towards peers, and bounded."""

    listens: tuple[ListenAddress, ...] = listen_pair("0.0.0.0", DEFAULT_SIP_PORT)  # noqa: S104
    advertised: Mapping[str, str] = field(default_factory=dict)
    """Peer network (``"10.0.0.0/8"``) to our address as seen from it, ``host`` or ``host:port``."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    udp_receive_buffer_bytes: Annotated[int, Ge(65_536)] = 8 * 1024 * 1024
    udp_datagrams_per_wakeup: Annotated[int, Ge(1), Le(1024)] = 64
    udp_backlog_packets: Annotated[int, Ge(1)] = 4096

    connections_max: Annotated[int, Ge(1)] = 8192
    connections_per_source_max: Annotated[int, Ge(1)] = 1024
    handshake_timeout_s: Annotated[float, Ge(0.1)] = 10.0
    first_message_timeout_s: Annotated[float, Ge(0.1)] = 30.0
    half_message_timeout_s: Annotated[float, Ge(0.1)] = 30.0
    half_messages_max_bytes: Annotated[int, Ge(65_536)] = 64 * 1024 * 1024
    """Of all accepted connections together; beyond it those with more than 64 kB are closed."""
    idle_timeout_s: Annotated[float, Ge(1.0)] = 900.0
    write_buffer_max_bytes: Annotated[int, Ge(65_536)] = 1024 * 1024
    connect_timeout_s: Annotated[float, Ge(0.1)] = 5.0
