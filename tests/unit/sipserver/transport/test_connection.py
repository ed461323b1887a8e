"""One connection: deadlines and bounds, with time as a number."""

from __future__ import annotations

import asyncio
from typing import Any

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import ReceivedPacket, Transport
from sipserver.transport.connection import StreamConnection
from sipserver.transport.settings import SipTransportSettings
from sipserver.transport.stats import TransportStats

MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Owner:
    def __init__(self) -> None:
        self.packets: list[ReceivedPacket] = []
        self.closed: list[str | None] = []
        self.malformed = 0

    def connection_opened(self, connection: StreamConnection) -> None: ...

    def packets_received(self, packets: list[ReceivedPacket]) -> None:
        self.packets += packets

    def connection_malformed(self, connection: StreamConnection, error: MalformedMessage) -> None:
        self.malformed += 1

    def connection_closed(self, connection: StreamConnection) -> None:
        self.closed.append(connection.close_reason)


class Pipe(asyncio.Transport):
    """Where the connection writes to; nobody reads it."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("192.0.2.1", 5060), "peername": ("198.51.100.20", 40000)})
        self.written = b""
        self.ended = ""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = "close"

    def abort(self) -> None:
        self.ended = "abort"


class Rig:
    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.owner, self.stats, self.pipe = Owner(), TransportStats(), Pipe()
        self.connection = StreamConnection(
            self.owner,
            SipTransportSettings(**settings),
            self.stats,
            lambda: self.now,
            transport_kind=Transport.TCP,
            number=7,
            listen_port=5060,
            slot=None,
        )
        self.connection.connection_made(self.pipe)


def test_messages_carry_the_flow_of_their_connection() -> None:
    rig = Rig()
    rig.connection.data_received(MESSAGE + MESSAGE[:10])
    rig.connection.data_received(MESSAGE[10:])
    assert [packet.data for packet in rig.owner.packets] == [MESSAGE, MESSAGE]
    flow = rig.owner.packets[0].flow
    assert (flow.transport, flow.local, flow.remote, flow.connection) == (
        Transport.TCP,
        ("192.0.2.1", 5060),
        ("198.51.100.20", 40000),
        7,
    )


def test_a_double_line_end_is_answered_with_a_single_one() -> None:
    rig = Rig()
    rig.connection.data_received(b"\r\n\r\n")
    assert rig.pipe.written == b"\r\n"
    assert rig.stats.stream_pings == 1


def test_a_connection_without_any_message_is_overdue() -> None:
    rig = Rig(first_message_timeout_s=30.0)
    rig.connection.data_received(b"\r\n\r\n")
    assert rig.connection.overdue(30.0) is None
    assert rig.connection.overdue(30.1) == "no SIP message after connecting"


def test_half_a_message_is_overdue_however_slowly_it_goes_on() -> None:
    rig = Rig(half_message_timeout_s=30.0)
    rig.connection.data_received(MESSAGE)
    for at in range(100, 131, 10):
        rig.now = float(at)
        rig.connection.data_received(b"O")
    assert rig.connection.overdue(130.0) is None
    assert rig.connection.overdue(130.1) == "a message was begun and not finished"


def test_an_idle_connection_is_overdue_and_a_ping_keeps_it() -> None:
    rig = Rig(idle_timeout_s=900.0)
    rig.connection.data_received(MESSAGE)
    assert rig.connection.overdue(900.1) == "idle"
    rig.now = 900.0
    rig.connection.data_received(b"\r\n\r\n")
    assert rig.connection.overdue(900.1) is None


def test_a_peer_that_does_not_read_loses_its_connection() -> None:
    rig = Rig(write_buffer_max_bytes=65_536)
    rig.connection.send(b"x" * 65_536)
    assert rig.pipe.ended == ""
    rig.connection.send(b"x")
    assert rig.pipe.ended == "abort"
    assert rig.stats.connections_overflowed == 1
    rig.connection.send(b"nothing more")
    assert len(rig.pipe.written) == 65_537


def test_a_stream_that_cannot_be_cut_is_ended_after_the_messages_before_the_damage() -> None:
    rig = Rig()
    rig.connection.data_received(MESSAGE + b"A B SIP/2.0\r\nContent-Length: x\r\n\r\n")
    assert [packet.data for packet in rig.owner.packets] == [MESSAGE]
    assert rig.pipe.ended == "abort"
    assert (rig.owner.malformed, rig.stats.connections_malformed) == (1, 1)


def test_the_reason_of_the_end_is_the_first_one() -> None:
    rig = Rig()
    rig.connection.close("the platform is closing")
    rig.connection.abort("later")
    rig.connection.connection_lost(None)
    assert rig.owner.closed == ["the platform is closing"]


def test_a_reset_is_a_reason_too() -> None:
    rig = Rig()
    rig.connection.connection_lost(ConnectionResetError("reset"))
    assert rig.owner.closed == ["reset"]
