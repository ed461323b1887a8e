"""Opening all listening sockets together, UDP and TCP of one address on one port."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sipserver.sip.flow import Transport
from sipserver.transport.errors import ListenFailed
from sipserver.transport.listener import open_stream_socket
from sipserver.transport.settings import ListenAddress
from sipserver.transport.udp import open_udp_socket

PAIR_ATTEMPTS: Final = 32


@dataclass(frozen=True, slots=True)
class OpenSocket:
    address: ListenAddress
    sock: socket.socket


def open_sockets(listens: Sequence[ListenAddress], receive_buffer_bytes: int) -> list[OpenSocket]:
    """Open every address, or none.

    Where UDP and TCP of one host ask for port 0, both get the same number; a number that is free
    for one and taken for the other is tried again.

    Raises:
        ListenFailed: an address cannot be opened.
    """
    attempts = PAIR_ATTEMPTS if any(address.port == 0 for address in listens) else 1
    for _ in range(attempts - 1):
        try:
            return _open_once(listens, receive_buffer_bytes)
        except ListenFailed:
            continue
    return _open_once(listens, receive_buffer_bytes)


def _open_once(listens: Sequence[ListenAddress], receive_buffer_bytes: int) -> list[OpenSocket]:
    chosen: dict[str, int] = {}
    opened: list[OpenSocket] = []
    try:
        for address in listens:
            is_pair = address.port == 0 and address.transport is not Transport.TLS
            wanted = address
            if is_pair:
                wanted = ListenAddress(address.transport, address.host, chosen.get(address.host, 0))
            if address.transport is Transport.UDP:
                sock = open_udp_socket(wanted, receive_buffer_bytes)
            else:
                sock = open_stream_socket(wanted)
            opened.append(OpenSocket(address, sock))
            if is_pair:
                chosen[address.host] = sock.getsockname()[1]
    except ListenFailed:
        for each in opened:
            each.sock.close()
        raise
    return opened
