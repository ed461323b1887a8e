"""Answers to a REGISTER, damaged at random: a decision or a typed error, never anything else."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sipserver.gb.registration_client import (
    Outcome,
    RegistrationClient,
    RegistrationPacing,
    ServerAddress,
    redirect_target,
)
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.message import SipResponse, parse_message

HOME = ServerAddress("34020000002000000001", "192.0.2.1")
MOVED = (
    b"SIP/2.0 302 Moved Temporarily\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.20:5060;rport;branch=z9hG4bK77a1c09d2\r\n"
    b"From: <sip:34020000001180000005@3402000000>;tag=c41d0a7e\r\n"
    b"To: <sip:34020000001180000005@3402000000>;tag=p0417\r\n"
    b"Call-ID: 5d0c2c1f9b7e4a10@198.51.100.20\r\nCSeq: 2 REGISTER\r\n"
    b"Contact: <sip:34020000002000000002@198.51.100.7:5062>;expires=3600\r\n"
    b"Expires: 3600\r\nRetry-After: 5\r\nMin-Expires: 60\r\nContent-Length: 0\r\n\r\n"
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The redirect with a few places overwritten, doubled or cut out."""
    data = MOVED
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        data = data[:start] + draw(st.binary(max_size=20)) + data[end:]
    return data


@given(st.lists(damaged(), max_size=8))
@example([MOVED, MOVED, MOVED, MOVED, MOVED])
def test_any_answer_leads_to_a_server_and_a_time(packets: list[bytes]) -> None:
    client = RegistrationClient(HOME, RegistrationPacing(), lambda: 0.5, 0.0)
    for packet in packets:
        try:
            message = parse_message(packet)
        except MalformedMessage:
            continue
        if isinstance(message, SipResponse):
            assert client.answered(message, 10.0) in Outcome
            assert client.server.host
            assert 10.0 <= client.next_at <= 10.0 + 1e9
            target = redirect_target(message, HOME.server_id)
            assert target is None or "\r" not in target.uri


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = ServerAddress.parse(text)
    except ValueError:
        return
    assert address.server_id
    assert address.host
