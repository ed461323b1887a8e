"""Opening all addresses, or none."""

from __future__ import annotations

import socket

import pytest

from sipserver.sip.flow import Transport
from sipserver.transport.errors import ListenFailed
from sipserver.transport.settings import ListenAddress, listen_pair
from sipserver.transport.sockets import open_sockets

HOST = "127.0.0.1"


def test_udp_and_tcp_of_port_zero_get_one_number() -> None:
    opened = open_sockets(listen_pair(HOST, 0), 65_536)
    try:
        ports = {each.sock.getsockname()[1] for each in opened}
        assert len(ports) == 1
        assert {each.sock.type for each in opened} == {socket.SOCK_DGRAM, socket.SOCK_STREAM}
    finally:
        for each in opened:
            each.sock.close()


def test_when_one_address_is_taken_none_stays_open_and_the_error_names_it() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenFailed, match=f"tcp://127.0.0.1:{port}"):
            open_sockets(listen_pair(HOST, port), 65_536)
    again = open_sockets([ListenAddress(Transport.UDP, HOST, port)], 65_536)
    again[0].sock.close()


def test_addresses_are_printed_as_operators_write_them() -> None:
    assert str(ListenAddress(Transport.TLS, "::1", 5061)) == "tls://[::1]:5061"
