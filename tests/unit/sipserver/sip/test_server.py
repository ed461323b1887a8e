"""Server transactions: requests of the peer and our answers."""

from __future__ import annotations

import pytest

from sipserver.sip.endpoint import Flow, Transport
from sipserver.sip.events import (
    AckReceived,
    AnswerUnacknowledged,
    InviteCancelled,
    RequestReceived,
    ServerKey,
)
from sipserver.sip.message import SipResponse, make_response, parse_message
from sipserver.sip.settings import EndpointSettings
from tests.unit.sipserver.sip.builders import OURS, TCP, UDP, Desk, request, request_bytes

INVITE = request_bytes("INVITE")
CANCEL = request_bytes("CANCEL")


def take(desk: Desk, data: bytes, flow: Flow = UDP) -> RequestReceived:
    (event,) = desk.receive(data, flow)
    assert isinstance(event, RequestReceived)
    return event


def answer(desk: Desk, event: RequestReceived, status: int = 200, tag: str | None = None) -> SipResponse:
    response = make_response(event.request, status, to_tag=tag)
    desk.endpoint.respond(event.key, response, desk.now)
    return response


def ack_for(response: SipResponse, branch: str = "z9hG4bK77a1c09d2", number: int = 1) -> bytes:
    return request_bytes(
        "ACK",
        Via=f"SIP/2.0/UDP 198.51.100.20:5060;rport;branch={branch}",
        To=response.headers.get("To"),
        CSeq=f"{number} ACK",
    )


def test_a_request_is_reported_once_and_its_answer_goes_to_the_source() -> None:
    """GB-C019."""
    desk = Desk()
    natted = Flow(Transport.UDP, OURS, ("203.0.113.7", 31337))
    event = take(desk, request_bytes(), natted)
    assert event.flow == natted
    answer(desk, event)
    (packet,) = desk.sent()
    assert packet.flow == natted
    sent = parse_message(packet.data)
    assert sent.top_via.params["rport"] == "31337"
    assert sent.top_via.received == "203.0.113.7"
    assert sent.to.tag


def test_a_repeated_message_gets_the_stored_answer_and_is_not_executed_again() -> None:
    """GB-C022."""
    desk = Desk()
    answer(desk, take(desk, request_bytes()))
    (first,) = desk.sent()
    for instant in (0.5, 10.0, 31.9):
        desk.sleep_until(instant)
        assert desk.receive(request_bytes()) == []
        assert desk.sent() == [first]
    desk.sleep_until(33.0)
    assert desk.endpoint.server_transactions == 0
    take(desk, request_bytes())


def test_a_repetition_from_a_moved_nat_binding_is_answered_there() -> None:
    desk = Desk()
    answer(desk, take(desk, request_bytes()))
    desk.sent()
    moved = Flow(Transport.UDP, OURS, (UDP.remote[0], 40000))
    assert desk.receive(request_bytes(), moved) == []
    assert [packet.flow for packet in desk.sent()] == [moved]


def test_a_repetition_over_another_transport_is_answered_there_without_moving_the_transaction() -> None:
    desk = Desk()
    event = take(desk, request_bytes())
    assert desk.receive(request_bytes(), TCP) == []
    answer(desk, event)
    assert [packet.flow for packet in desk.sent()] == [UDP]


def test_a_repetition_before_the_answer_is_only_absorbed() -> None:
    desk = Desk()
    event = take(desk, request_bytes())
    assert desk.receive(request_bytes()) == []
    assert desk.sent() == []
    answer(desk, event)
    assert desk.statuses() == [200]


def test_a_provisional_answer_is_repeated_until_the_final_one() -> None:
    desk = Desk()
    event = take(desk, request_bytes())
    answer(desk, event, 100)
    desk.receive(request_bytes())
    answer(desk, event, 200)
    desk.receive(request_bytes())
    assert desk.statuses() == [100, 100, 200, 200]


def test_a_second_final_answer_is_dropped_and_counted() -> None:
    desk = Desk()
    event = take(desk, request_bytes())
    answer(desk, event, 200)
    answer(desk, event, 500)
    assert desk.statuses() == [200]
    assert desk.endpoint.stats.late_answers == 1


def test_an_answer_for_a_transaction_that_never_was_is_dropped_and_counted() -> None:
    desk = Desk()
    key: ServerKey = ("branch", "host", "call", 1, "MESSAGE", "1.1.1.1")
    desk.endpoint.respond(key, make_response(request(), 200), 0.0)
    assert desk.sent() == []
    assert desk.endpoint.stats.late_answers == 1


def test_a_request_that_nobody_answers_is_given_up_after_32_seconds() -> None:
    desk = Desk()
    event = take(desk, request_bytes())
    desk.sleep_until(31.9)
    assert desk.endpoint.stats.unanswered == 0
    desk.sleep_until(32.0)
    assert desk.endpoint.stats.unanswered == 1
    answer(desk, event)
    assert desk.sent() == []
    assert desk.endpoint.stats.late_answers == 1


def test_a_late_copy_of_a_request_that_was_given_up_is_not_executed_again() -> None:
    """The peer's last repetition leaves after 31.5 s and may take 5 s."""
    desk = Desk()
    take(desk, request_bytes())
    desk.sleep_until(36.5)
    assert desk.receive(request_bytes()) == []
    assert desk.sent() == []
    desk.sleep_until(64.5)
    assert desk.endpoint.server_transactions == 0


def test_over_tcp_an_unanswered_request_is_forgotten_when_it_is_given_up() -> None:
    desk = Desk()
    take(desk, request_bytes(), TCP)
    desk.sleep_until(32.0)
    assert desk.endpoint.server_transactions == 0


def test_over_tcp_an_answered_request_is_forgotten_at_once() -> None:
    """RFC 3261 section 17.2.2: timer J is zero for reliable transports."""
    desk = Desk()
    answer(desk, take(desk, request_bytes(), TCP))
    assert desk.endpoint.server_transactions == 0
    assert desk.statuses() == [200]


@pytest.mark.parametrize(
    "change",
    [
        {"Call-ID": "other"},
        {"CSeq": "2 MESSAGE"},
        {"Via": "SIP/2.0/UDP 198.51.100.20:5060;rport;branch=z9hG4bKother"},
        {"Via": "SIP/2.0/UDP 198.51.100.99:5060;rport;branch=z9hG4bK77a1c09d2"},
    ],
)
def test_a_camera_that_never_changes_its_branch_is_still_served(change: dict[str, str]) -> None:
    desk = Desk()
    answer(desk, take(desk, request_bytes()))
    answer(desk, take(desk, request_bytes(**change)))
    assert desk.statuses() == [200, 200]


def test_two_cameras_alike_behind_different_nats_are_told_apart() -> None:
    desk = Desk()
    for host in ("203.0.113.7", "203.0.113.8"):
        answer(desk, take(desk, request_bytes(), Flow(Transport.UDP, OURS, (host, 5060))))
    assert desk.statuses() == [200, 200]


@pytest.mark.parametrize("via", ["SIP/2.0/UDP 198.51.100.20;branch=1", "SIP/2.0/UDP 198.51.100.20"])
def test_old_branches_are_matched_by_call_id_cseq_and_tag(via: str) -> None:
    """RFC 3261 section 17.2.3, the rules for RFC 2543 clients."""
    desk = Desk()
    answer(desk, take(desk, request_bytes(Via=via)))
    assert desk.receive(request_bytes(Via=via)) == []
    take(desk, request_bytes(Via=via, From="<sip:a@b>;tag=other"))
    assert desk.statuses() == [200, 200]


def test_the_same_tag_stands_in_all_answers_to_one_request() -> None:
    """RFC 3261 section 8.2.6.2."""
    desk = Desk()
    event = take(desk, INVITE)
    answer(desk, event, 100)
    ringing, busy = answer(desk, event, 180), answer(desk, event, 486)
    assert ringing.to.tag
    assert ringing.to.tag == busy.to.tag
    trying = parse_message(desk.sent()[0].data)
    assert trying.to.tag is None


def test_an_answer_that_was_looked_at_before_shows_its_new_tag_too() -> None:
    desk = Desk()
    event = take(desk, INVITE)
    response = make_response(event.request, 200)
    assert response.to.tag is None
    desk.endpoint.respond(event.key, response, 0.0)
    assert response.to.tag is not None


def test_a_tag_chosen_by_the_user_is_kept() -> None:
    desk = Desk()
    event = take(desk, INVITE)
    assert answer(desk, event, 180, "mine").to.tag == "mine"
    assert answer(desk, event, 486).to.tag == "mine"


def test_trying_is_sent_after_200_ms_unless_the_user_was_quicker() -> None:
    """RFC 3261 section 17.2.1."""
    desk = Desk()
    event = take(desk, INVITE)
    desk.sleep_until(0.19)
    assert desk.sent() == []
    desk.sleep_until(0.2)
    assert desk.statuses() == [100]
    answer(desk, event, 486)
    quick = Desk()
    answer(quick, take(quick, INVITE), 180)
    quick.sleep_until(1.0)
    assert quick.statuses() == [180]


def test_a_repeated_invite_gets_the_last_provisional_answer() -> None:
    desk = Desk()
    event = take(desk, INVITE)
    assert desk.receive(INVITE) == []
    assert desk.sent() == []
    answer(desk, event, 180)
    desk.receive(INVITE)
    assert desk.statuses() == [180, 180]


def test_a_refusal_is_repeated_on_the_rfc_schedule_until_the_ack() -> None:
    """Timer G: 0.5, 1, 2, then every 4 s; timer H: 32 s."""
    desk = Desk()
    answer(desk, take(desk, INVITE), 486)
    desk.sent()
    assert desk.schedule(100.0) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert desk.endpoint.server_transactions == 0


def test_the_ack_for_a_refusal_stays_in_the_transaction() -> None:
    desk = Desk()
    refusal = answer(desk, take(desk, INVITE), 486)
    desk.sent()
    desk.sleep_until(0.5)
    assert len(desk.sent()) == 1
    assert desk.receive(ack_for(refusal)) == []
    assert desk.receive(ack_for(refusal)) == []
    assert desk.receive(INVITE) == []
    assert desk.sent() == []
    desk.sleep_until(5.4)
    assert desk.endpoint.server_transactions == 1
    desk.sleep_until(5.5)
    assert desk.endpoint.server_transactions == 0
    assert desk.endpoint.stats.retransmissions_sent == 1


def test_over_tcp_a_refusal_is_sent_once_and_ends_with_its_ack() -> None:
    desk = Desk()
    refusal = answer(desk, take(desk, INVITE, TCP), 486)
    assert desk.statuses() == [486]
    assert desk.schedule(31.9) == []
    assert desk.receive(ack_for(refusal), TCP) == []
    assert desk.endpoint.server_transactions == 0


def test_over_tcp_a_refusal_without_ack_is_forgotten_after_32_seconds() -> None:
    desk = Desk()
    answer(desk, take(desk, INVITE, TCP), 486)
    desk.sleep_until(32.0)
    assert desk.endpoint.server_transactions == 0


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_2xx_is_repeated_until_its_ack_then_ends_quietly(flow: Flow) -> None:
    """RFC 3261 section 13.3.1.4, RFC 6026 section 7.1."""
    desk = Desk()
    event = take(desk, INVITE, flow)
    accepted = answer(desk, event)
    desk.sent()
    assert desk.schedule(4.0) == [0.5, 1.5, 3.5]
    ack = ack_for(accepted, "z9hG4bKnew")
    (reported,) = desk.receive(ack, flow)
    assert isinstance(reported, AckReceived)
    assert (reported.key, reported.request.method, reported.flow) == (event.key, "ACK", flow)
    assert desk.receive(ack, flow) == []
    assert desk.receive(INVITE, flow) == []
    assert desk.schedule(31.9) == []
    assert desk.endpoint.server_transactions == 1
    assert desk.sleep_until(32.0) == []
    assert desk.endpoint.server_transactions == 0
    assert desk.receive(ack, flow) == []
    assert desk.endpoint.stats.stray_acks == 1


def test_an_ack_with_the_branch_of_the_invite_is_understood() -> None:
    desk = Desk()
    accepted = answer(desk, take(desk, INVITE))
    assert [type(event) for event in desk.receive(ack_for(accepted))] == [AckReceived]


def test_a_2xx_that_nobody_acknowledges_is_reported_after_32_seconds() -> None:
    """gb28181 2.4: after no ACK, send BYE."""
    desk = Desk()
    event = take(desk, INVITE)
    answer(desk, event)
    assert desk.sleep_until(31.9) == []
    assert desk.sleep_until(32.0) == [AnswerUnacknowledged(event.key)]
    assert desk.endpoint.server_transactions == 0
    desk.sent()
    assert desk.schedule(100.0) == []


def test_cancel_is_answered_and_ends_the_invite_with_487() -> None:
    """RFC 3261 section 9.2."""
    desk = Desk()
    event = take(desk, INVITE)
    answer(desk, event, 180)
    assert desk.receive(CANCEL) == [InviteCancelled(event.key)]
    ringing, ok, terminated = (parse_message(packet.data) for packet in desk.sent())
    assert isinstance(ok, SipResponse)
    assert isinstance(terminated, SipResponse)
    assert (ok.status, ok.cseq.method) == (200, "CANCEL")
    assert (terminated.status, terminated.cseq.method) == (487, "INVITE")
    assert ringing.to.tag == ok.to.tag == terminated.to.tag
    assert desk.receive(CANCEL) == []
    assert desk.statuses() == [200]
    answer(desk, event)
    assert desk.sent() == []
    assert desk.endpoint.stats.late_answers == 1


def test_a_cancel_that_crosses_the_final_answer_changes_nothing() -> None:
    desk = Desk()
    event = take(desk, INVITE)
    answer(desk, event)
    assert desk.receive(CANCEL) == []
    assert desk.statuses() == [200, 200]
    assert [type(event) for event in desk.sleep_until(32.5)] == [AnswerUnacknowledged]


def test_a_cancel_for_nothing_gets_481() -> None:
    desk = Desk()
    assert desk.receive(CANCEL) == []
    assert desk.statuses() == [481]


def test_a_cancel_from_elsewhere_cancels_nothing() -> None:
    desk = Desk()
    take(desk, INVITE)
    stranger = Flow(Transport.UDP, OURS, ("203.0.113.66", 5060))
    assert desk.receive(CANCEL, stranger) == []
    assert desk.statuses() == [481]


def test_an_invite_that_nobody_answers_is_refused_after_three_minutes() -> None:
    desk = Desk()
    event = take(desk, INVITE)
    assert desk.sleep_until(180.0) == []
    assert desk.statuses() == [100]
    assert desk.sleep_until(181.0) == [InviteCancelled(event.key)]
    assert desk.statuses() == [408]
    desk.sleep_until(300.0)
    assert desk.endpoint.server_transactions == 0


def test_an_ack_for_nothing_is_counted_and_never_answered() -> None:
    desk = Desk()
    assert desk.receive(request_bytes("ACK")) == []
    assert desk.sent() == []
    assert desk.endpoint.stats.stray_acks == 1


def test_a_closed_connection_ends_what_waits_on_it() -> None:
    desk = Desk()
    ringing = take(desk, INVITE, TCP)
    accepted = take(desk, request_bytes("INVITE", Call_ID="2"), TCP)
    answer(desk, accepted)
    refused = take(desk, request_bytes("INVITE", Call_ID="3"), TCP)
    answer(desk, refused, 486)
    waiting = take(desk, request_bytes("MESSAGE", Call_ID="4"), TCP)
    other = take(desk, request_bytes("MESSAGE", Call_ID="5"), TCP._replace(connection=8))
    desk.endpoint.flow_closed(TCP, desk.now)
    assert desk.endpoint.events() == [InviteCancelled(ringing.key), AnswerUnacknowledged(accepted.key)]
    assert desk.endpoint.server_transactions == 1
    desk.sent()
    answer(desk, waiting)
    assert desk.sent() == []
    answer(desk, other)
    assert desk.statuses() == [200]
    desk.endpoint.flow_closed(UDP, desk.now)
    assert desk.endpoint.events() == []


def numbered(number: int, method: str = "MESSAGE") -> bytes:
    return request_bytes(method, Call_ID=f"call-{number}")


def test_a_full_table_of_young_transactions_refuses_with_503() -> None:
    desk = Desk(EndpointSettings(max_server_transactions=2))
    for number in (1, 2):
        answer(desk, take(desk, numbered(number)))
    desk.sent()
    assert desk.receive(numbered(3)) == []
    (packet,) = desk.sent()
    refusal = parse_message(packet.data)
    assert isinstance(refusal, SipResponse)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "10")
    assert refusal.to.tag
    assert len(packet.data) < len(numbered(3)) + 100
    assert desk.receive(numbered(4, "CANCEL")) == []
    assert desk.sent() == []
    assert desk.endpoint.stats.refused_full == 2
    assert desk.endpoint.server_transactions == 2


def test_a_full_table_forgets_the_oldest_answered_transaction_early() -> None:
    desk = Desk(EndpointSettings(max_server_transactions=2))
    answer(desk, take(desk, numbered(1)))
    desk.now = 3.0
    answer(desk, take(desk, numbered(2)))
    desk.now = 5.0
    take(desk, numbered(3))
    desk.sent()
    desk.receive(numbered(2))
    assert desk.statuses() == [200]
    desk.receive(numbered(4))
    assert desk.statuses() == [503]
    assert desk.endpoint.stats.evicted == 1


def test_transactions_that_ended_otherwise_are_no_room_to_make() -> None:
    desk = Desk(EndpointSettings(max_server_transactions=1))
    answer(desk, take(desk, numbered(1)))
    desk.now = 10.0
    take(desk, numbered(2))
    assert desk.receive(numbered(3)) == []
    assert desk.statuses() == [200, 503]


def test_an_unknown_method_is_reported_and_counted_as_other() -> None:
    desk = Desk()
    event = take(desk, request_bytes("FETCH"))
    answer(desk, event, 405)
    stats = desk.endpoint.stats
    assert stats.requests_received == {"OTHER": 1}
    assert stats.responses_sent == {("OTHER", 405): 1}
