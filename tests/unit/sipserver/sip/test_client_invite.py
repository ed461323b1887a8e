"""INVITE client transactions: ACK, CANCEL, and 2xx that come late or twice."""

from __future__ import annotations

from sipserver.sip.events import (
    ClientKey,
    RequestTimedOut,
    StrayAnswer,
)
from sipserver.sip.message import SipRequest, parse_message
from sipserver.sip.settings import EndpointSettings
from tests.unit.sipserver.sip.builders import OURS, TCP, UDP, Desk, answer_bytes, own_request
from tests.unit.sipserver.sip.caller import Caller


def test_a_provisional_answer_stops_the_repetition_of_an_invite() -> None:
    """101 Dialog Establishment is provisional like any 1xx (quirk Q15)."""
    caller = Caller("INVITE")
    assert caller.statuses_of(caller.answer(101)) == [101]
    assert caller.schedule(100.0) == []
    assert caller.statuses_of(caller.answer(180)) == [180]
    assert caller.statuses_of(caller.answer(200)) == [200]


def test_a_refused_invite_is_acknowledged_by_the_transaction() -> None:
    """RFC 3261 section 17.1.1.3."""
    caller = Caller("INVITE")
    caller.answer(100)
    assert caller.statuses_of(caller.answer(486)) == [486]
    (ack,) = caller.sent()
    invite, acknowledged = parse_message(caller.packet.data), parse_message(ack.data)
    assert isinstance(invite, SipRequest)
    assert isinstance(acknowledged, SipRequest)
    assert (acknowledged.method, acknowledged.uri) == ("ACK", invite.uri)
    assert acknowledged.vias == [invite.top_via]
    assert acknowledged.cseq == (1, "ACK")
    assert acknowledged.to.tag == "dev77"
    assert acknowledged.from_ == invite.from_
    assert acknowledged.call_id == invite.call_id
    assert "Route" not in acknowledged.headers
    assert caller.answer(486) == []
    assert caller.sent() == [ack]
    caller.sleep_until(31.9)
    assert caller.endpoint.client_transactions == 1
    caller.sleep_until(32.0)
    assert caller.endpoint.client_transactions == 0


def test_the_ack_for_a_refusal_follows_the_route_of_the_invite() -> None:
    desk = Desk()
    invite = own_request("INVITE")
    invite.headers.add("Route", "<sip:p1;lr>")
    desk.endpoint.send(invite, UDP, OURS, 0.0)
    desk.receive(answer_bytes(desk.sent()[0].data, 404))
    assert parse_message(desk.sent()[0].data).headers.get("Route") == "<sip:p1;lr>"


def test_over_tcp_a_refused_invite_ends_with_its_ack() -> None:
    caller = Caller("INVITE", TCP)
    caller.answer(486)
    assert caller.methods() == ["ACK"]
    assert caller.endpoint.client_transactions == 0


def test_a_repeated_2xx_gets_the_same_ack_again() -> None:
    caller = Caller("INVITE")
    assert caller.statuses_of(caller.answer(200)) == [200]
    assert caller.answer(200) == []
    assert caller.sent() == []
    caller.acknowledge()
    (ack,) = caller.sent()
    assert parse_message(ack.data).top_via.branch != caller.key
    for instant in (0.5, 1.5, 3.5, 31.0):
        caller.sleep_until(instant)
        assert caller.answer(200) == []
        assert caller.sent() == [ack]
    caller.sleep_until(32.0)
    assert caller.endpoint.client_transactions == 0
    assert caller.answer(200) == []
    assert caller.sent() == [ack]


def test_a_2xx_from_a_second_branch_is_reported_as_stray_once() -> None:
    """RFC 3261 section 13.2.2.4; RFC 6026 keeps the transaction for it."""
    caller = Caller("INVITE")
    caller.answer(200)
    (stray,) = caller.answer(200, tag="second")
    assert isinstance(stray, StrayAnswer)
    assert stray.response.to.tag == "second"
    assert caller.answer(200, tag="second") == []
    caller.acknowledge("second")
    (ack,) = caller.sent()
    caller.answer(200, tag="second")
    assert caller.sent() == [ack]
    assert caller.answer(486) == []


def test_a_2xx_after_the_time_out_is_still_reported_so_that_it_can_be_ended() -> None:
    """gb28181 2.4: a late 200 to INVITE gets ACK, then BYE."""
    caller = Caller("INVITE")
    caller.sleep_until(40.0)
    (stray,) = caller.answer(200)
    assert isinstance(stray, StrayAnswer)
    caller.acknowledge()
    caller.sent()
    assert caller.answer(200) == []
    assert caller.methods() == ["ACK"]
    assert caller.answer(404) == []
    assert caller.endpoint.stats.stray_responses == 1


def test_ended_invites_are_remembered_up_to_a_bound() -> None:
    desk = Desk(EndpointSettings(max_ended_invites=1))
    packets = []
    for number in (1, 2):
        desk.endpoint.send(own_request("INVITE", number), UDP, OURS, desk.now)
        packets += desk.sent()
    desk.sleep_until(40.0)
    assert desk.receive(answer_bytes(packets[0].data, 200)) == []
    assert [type(event) for event in desk.receive(answer_bytes(packets[1].data, 200))] == [StrayAnswer]


def test_cancel_waits_for_a_provisional_answer() -> None:
    """RFC 3261 section 9.1."""
    caller = Caller("INVITE")
    caller.endpoint.cancel(caller.key, 0.0)
    assert caller.sent() == []
    caller.answer(100)
    (packet,) = caller.sent()
    cancel = parse_message(packet.data)
    invite = parse_message(caller.packet.data)
    assert isinstance(cancel, SipRequest)
    assert cancel.method == "CANCEL"
    assert cancel.vias == [invite.top_via]
    assert (cancel.call_id, cancel.from_, cancel.to) == (invite.call_id, invite.from_, invite.to)
    assert cancel.cseq == (1, "CANCEL")
    assert caller.receive(answer_bytes(packet.data, 200)) == []
    assert caller.statuses_of(caller.answer(487)) == [487]
    assert caller.methods() == ["ACK"]
    caller.sleep_until(100.0)
    assert caller.endpoint.client_transactions == 0


def test_cancel_is_sent_at_once_when_the_peer_has_answered_provisionally() -> None:
    caller = Caller("INVITE")
    caller.answer(180)
    caller.endpoint.cancel(caller.key, 0.0)
    caller.endpoint.cancel(caller.key, 0.0)
    assert caller.methods() == ["CANCEL"]
    caller.answer(180)
    assert caller.sent() == []


def test_a_2xx_that_crosses_the_cancel_is_still_reported() -> None:
    """The user has to send ACK and BYE: gb28181 6.3."""
    caller = Caller("INVITE")
    caller.answer(180)
    caller.endpoint.cancel(caller.key, 0.0)
    assert caller.statuses_of(caller.answer(200)) == [200]


def test_a_cancelled_invite_that_never_ends_is_given_up_after_32_seconds() -> None:
    """RFC 3261 section 9.1; the unanswered CANCEL itself is nobody's news."""
    caller = Caller("INVITE")
    caller.answer(180)
    caller.sleep_until(10.0)
    caller.endpoint.cancel(caller.key, 10.0)
    assert caller.sleep_until(42.0) == [RequestTimedOut(caller.key)]
    assert caller.endpoint.client_transactions == 0


def test_an_invite_that_rings_for_ever_is_cancelled_after_three_minutes() -> None:
    caller = Caller("INVITE")
    caller.answer(180)
    assert caller.sleep_until(180.0) == []
    assert caller.sent() == []
    events = caller.sleep_until(181.0)
    assert caller.methods() == ["CANCEL"]
    events += caller.sleep_until(300.0)
    assert events == [RequestTimedOut(caller.key)]


def test_cancel_of_what_cannot_be_cancelled_does_nothing() -> None:
    message, finished = Caller(), Caller("INVITE")
    message.endpoint.cancel(message.key, 0.0)
    message.endpoint.cancel(ClientKey("unknown"), 0.0)
    finished.answer(486)
    finished.sent()
    finished.endpoint.cancel(finished.key, 0.0)
    assert message.sent() == finished.sent() == []
