"""The endpoint as a whole: what it does with bytes that are no requests, and its five verbs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.endpoint import MAX_DATAGRAM_BYTES
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.events import RequestReceived
from sipserver.sip.message import make_response
from tests.unit.sipserver.sip.builders import OURS, UDP, Desk, own_request, request_bytes


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\n", b"\0"])
def test_bytes_that_keep_a_nat_open_are_counted_and_not_answered(data: bytes) -> None:
    """GB-C026, quirk Q20."""
    desk = Desk()
    assert desk.receive(data) == []
    assert desk.sent() == []
    assert (desk.endpoint.stats.pings, desk.endpoint.stats.malformed) == (1, 0)


@pytest.mark.parametrize("data", [b"\0" * 5, b"GET / HTTP/1.1\r\n\r\n", b"\x80\x60" * 600, b"x"])
def test_unrelated_traffic_is_counted_and_not_answered(data: bytes) -> None:
    """GB-C026."""
    desk = Desk()
    assert desk.receive(data) == []
    assert desk.sent() == []
    assert (desk.endpoint.stats.pings, desk.endpoint.stats.malformed) == (0, 1)


def test_two_differing_content_lengths_get_400_at_the_source() -> None:
    desk = Desk()
    data = request_bytes(body=b"body").replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")
    assert desk.receive(data) == []
    (packet,) = desk.sent()
    assert packet.flow == UDP
    assert packet.data.startswith(b"SIP/2.0 400 Bad Request\r\n")
    assert b";rport=5060;received=198.51.100.20" in packet.data
    assert desk.endpoint.server_transactions == 0
    assert desk.endpoint.stats.malformed == 1


@pytest.mark.parametrize(
    "data",
    [
        request_bytes("ACK", length="x"),
        request_bytes(length="x", Via="nonsense"),
        request_bytes(length="x", Via=","),
        request_bytes(length="x", From="<sip:>"),
        request_bytes(length="x", Call_ID=""),
    ],
)
def test_what_cannot_be_answered_with_sense_is_not_answered(data: bytes) -> None:
    desk = Desk()
    assert desk.receive(data) == []
    assert desk.sent() == []
    assert desk.endpoint.stats.malformed == 1


@pytest.mark.parametrize(
    "data",
    [
        request_bytes(Via="nonsense"),
        request_bytes(From="<sip:>"),
        request_bytes(To="<sip:>"),
        request_bytes("ACK", To="<sip:>"),
        request_bytes("INVITE", Via="SIP/2.0/UDP h", From="<sip:>"),
    ],
)
def test_a_request_whose_addresses_cannot_be_read_is_dropped_whole(data: bytes) -> None:
    desk = Desk()
    assert desk.receive(data) == []
    assert desk.sent() == []
    assert desk.endpoint.server_transactions == 0
    assert desk.endpoint.stats.malformed == 1


def test_the_largest_datagram_is_taken() -> None:
    """GB-C017."""
    room = MAX_DATAGRAM_BYTES - len(request_bytes(body=b"", length="65000"))
    data = request_bytes(body=b"x" * room)
    assert len(data) == MAX_DATAGRAM_BYTES
    (event,) = Desk().receive(data)
    assert isinstance(event, RequestReceived)
    assert len(event.request.body) == room


def test_messages_with_doubts_are_used_and_counted() -> None:
    desk = Desk()
    (event,) = desk.receive(request_bytes(body=b"<Notify/>", length="900"))
    assert isinstance(event, RequestReceived)
    assert "900" in event.request.suspicion
    assert desk.endpoint.stats.suspicious == 1


def test_an_endpoint_at_rest_wants_nothing() -> None:
    desk = Desk()
    assert desk.endpoint.next_timer() is None
    desk.endpoint.handle_timer(1000.0)
    assert desk.endpoint.events() == desk.sent() == []


def test_late_and_repeated_wake_ups_do_no_harm() -> None:
    desk = Desk()
    desk.endpoint.send(own_request(), UDP, OURS, 0.0)
    desk.sent()
    desk.endpoint.handle_timer(0.0)
    assert desk.sent() == []
    desk.endpoint.handle_timer(20.0)
    desk.endpoint.handle_timer(20.0)
    assert len(desk.sent()) == 1
    assert desk.endpoint.next_timer() == 21.0


def test_ten_thousand_keepalives_leave_nothing_behind() -> None:
    desk = Desk()
    for number in range(10_000):
        desk.now = number / 1000
        (event,) = desk.receive(request_bytes(Call_ID=f"k-{number}"))
        assert isinstance(event, RequestReceived)
        desk.endpoint.respond(event.key, make_response(event.request, 200), desk.now)
        desk.sent()
    assert desk.endpoint.server_transactions == 10_000
    desk.sleep_until(50.0)
    assert desk.endpoint.server_transactions == 0
    assert desk.endpoint.next_timer() is None
    assert len(desk.endpoint._outbox.timers) == 0


@given(st.binary(max_size=200))
def test_no_bytes_make_the_endpoint_raise(data: bytes) -> None:
    desk = Desk()
    desk.receive(data)
    desk.receive(request_bytes() + data)
    desk.receive(data + request_bytes())


def test_a_violation_says_what_to_answer() -> None:
    violation = RemoteViolation(481, "no such dialog")
    assert (violation.status, violation.reason, str(violation)) == (
        481,
        "no such dialog",
        "481 no such dialog",
    )
