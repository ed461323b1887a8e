"""Server transactions: requests of the peer and our answers."""

from __future__ import annotations

import pytest

from sipserver.sip.endpoint import Flow, Transport
from sipserver.sip.events import (
    AnswerUnacknowledged,
    InviteCancelled,
    ServerKey,
)
from sipserver.sip.message import SipResponse, make_response, parse_message
from sipserver.sip.settings import EndpointSettings
from tests.unit.sipserver.sip.builders import (
    OURS,
    TCP,
    UDP,
    Desk,
    answer,
    request,
    request_bytes,
    take,
)

INVITE = request_bytes("INVITE")
CANCEL = request_bytes("CANCEL")


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
    desk.sleep_until(38.0)
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
    desk.sleep_until(69.5)
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
