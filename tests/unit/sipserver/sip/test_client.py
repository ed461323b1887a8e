"""Client transactions: our requests and the peer's answers."""

from __future__ import annotations

import pytest

from sipserver.sip.errors import EndpointFull, LocalViolation
from sipserver.sip.events import (
    FlowFailed,
    RequestTimedOut,
    ResponseReceived,
)
from sipserver.sip.message import parse_message
from sipserver.sip.settings import EndpointSettings
from tests.unit.sipserver.sip.builders import OURS, TCP, UDP, Desk, answer_bytes, own_request
from tests.unit.sipserver.sip.caller import Caller


def test_a_request_leaves_with_our_via_and_max_forwards() -> None:
    caller = Caller()
    sent = parse_message(caller.packet.data)
    assert sent.top_via.sent_by == "192.0.2.10:5060"
    assert sent.top_via.branch == caller.key
    assert sent.top_via.branch.startswith("z9hG4bK")
    assert "rport" in sent.top_via.params
    assert sent.headers.get("Max-Forwards") == "70"
    assert next(iter(sent.headers.fields)) == "Via"
    assert "Via" not in caller.request.headers
    assert caller.packet.flow == UDP


def test_hops_and_max_forwards_that_are_there_stay() -> None:
    desk = Desk()
    relayed = own_request()
    relayed.headers.set("Max-Forwards", "12")
    relayed.headers.add("Via", "SIP/2.0/UDP below;branch=z9hG4bKbelow")
    desk.endpoint.send(relayed, UDP, OURS, 0.0)
    sent = parse_message(desk.sent()[0].data)
    assert [via.host for via in sent.vias] == ["192.0.2.10", "below"]
    assert sent.headers.get("Max-Forwards") == "12"


def test_an_unanswered_message_is_resent_on_the_rfc_schedule_then_given_up() -> None:
    """GB-C023, RFC 3261 section 17.1.2.2."""
    caller = Caller()
    assert caller.schedule(31.9) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert caller.sleep_until(32.0) == [RequestTimedOut(caller.key)]
    assert caller.endpoint.client_transactions == 0
    assert caller.endpoint.next_timer() is None
    assert caller.endpoint.stats.client_timeouts == 1


def test_an_unanswered_invite_is_resent_doubling_then_given_up() -> None:
    """RFC 3261 section 17.1.1.2."""
    caller = Caller("INVITE")
    assert caller.schedule(31.9) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert caller.sleep_until(32.0) == [RequestTimedOut(caller.key)]


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_over_tcp_nothing_is_resent(method: str) -> None:
    caller = Caller(method, TCP)
    assert caller.schedule(31.9) == []
    assert caller.sleep_until(32.0) == [RequestTimedOut(caller.key)]


def test_a_final_answer_is_reported_once_and_stops_the_repetition() -> None:
    caller = Caller()
    assert caller.statuses_of(caller.answer(200)) == [200]
    assert caller.answer(200) == []
    assert caller.answer(500) == []
    assert caller.schedule(4.9) == []
    assert caller.endpoint.client_transactions == 1
    caller.sleep_until(5.0)
    assert caller.endpoint.client_transactions == 0
    assert caller.answer(200) == []
    assert caller.endpoint.stats.stray_responses == 1


def test_over_tcp_a_final_answer_ends_the_transaction_at_once() -> None:
    caller = Caller("MESSAGE", TCP)
    assert caller.statuses_of(caller.answer(403)) == [403]
    assert caller.endpoint.client_transactions == 0
    assert caller.sleep_until(100.0) == []


def test_after_a_provisional_answer_a_request_is_repeated_every_four_seconds() -> None:
    caller = Caller()
    caller.sleep_until(0.1)
    assert caller.statuses_of(caller.answer(100)) == [100]
    assert caller.schedule(13.0) == [0.5, 4.5, 8.5, 12.5]
    assert caller.statuses_of(caller.answer(101)) == [101]
    assert caller.statuses_of(caller.answer(200)) == [200]


def test_a_provisional_answer_does_not_prolong_the_life_of_a_request() -> None:
    caller = Caller()
    caller.answer(100)
    assert caller.sleep_until(32.0) == [RequestTimedOut(caller.key)]


def test_an_answer_to_nothing_of_ours_is_never_acted_upon() -> None:
    desk = Desk()
    foreign = own_request("INVITE")
    foreign.headers.add("Via", "SIP/2.0/UDP x;branch=z9hG4bKforeign")
    for via in (True, False):
        assert desk.receive(answer_bytes(foreign.serialize(), 200, via=via)) == []
    assert desk.sent() == []
    assert desk.endpoint.stats.stray_responses == 2


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_an_answer_without_via_is_matched_by_call_id_and_cseq(method: str) -> None:
    """GB-C024, quirk Q16."""
    caller = Caller(method)
    assert caller.statuses_of(caller.answer(200, via=False)) == [200]


def test_an_answer_without_via_from_a_stranger_is_not_believed() -> None:
    caller = Caller()
    caller.flow = UDP._replace(remote=("203.0.113.66", 5060))
    assert caller.answer(200, via=False) == []
    assert caller.endpoint.stats.stray_responses == 1


def test_an_answer_that_names_another_method_is_not_ours() -> None:
    caller = Caller()
    assert caller.answer(200, CSeq="1 BYE") == []


@pytest.mark.parametrize("name", ["From", "To"])
def test_an_answer_whose_addresses_cannot_be_read_changes_nothing(name: str) -> None:
    caller = Caller("INVITE")
    assert caller.answer(200, **{name: "<sip:>"}) == []
    assert caller.endpoint.stats.malformed == 1
    assert caller.statuses_of(caller.answer(200)) == [200]


def test_a_closed_flow_fails_what_waits_on_it() -> None:
    caller = Caller("INVITE", TCP)
    caller.answer(180)
    caller.endpoint.cancel(caller.key, 0.0)
    other = caller.endpoint.send(own_request("MESSAGE", 2), UDP, OURS, 0.0)
    caller.endpoint.flow_closed(TCP, 0.0)
    assert caller.endpoint.events() == [FlowFailed(caller.key)]
    assert caller.endpoint.client_transactions == 1
    caller.endpoint.flow_closed(UDP, 0.0)
    assert caller.endpoint.events() == [FlowFailed(other)]


def test_a_flow_that_closes_after_the_answer_is_no_failure() -> None:
    for method, status in (("INVITE", 200), ("INVITE", 486), ("MESSAGE", 200)):
        caller = Caller(method)
        caller.answer(status)
        caller.endpoint.flow_closed(UDP, 0.0)
        assert caller.endpoint.events() == []
        assert caller.endpoint.client_transactions == 0


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_requests_with_a_call_of_their_own_cannot_be_sent_plainly(method: str) -> None:
    with pytest.raises(LocalViolation):
        Desk().endpoint.send(own_request(method), UDP, OURS, 0.0)


def test_only_an_ack_can_be_sent_as_ack() -> None:
    with pytest.raises(LocalViolation):
        Desk().endpoint.send_ack(own_request("BYE"), UDP, OURS, 0.0)


def test_an_ack_for_no_invite_of_ours_is_sent_once() -> None:
    desk = Desk()
    desk.endpoint.send_ack(own_request("ACK"), UDP, OURS, 0.0)
    assert desk.methods() == ["ACK"]


@pytest.mark.parametrize("name", ["From", "To", "Call-ID"])
def test_a_request_without_its_headers_is_our_own_mistake(name: str) -> None:
    message = own_request()
    message.headers.remove(name)
    with pytest.raises(LocalViolation):
        Desk().endpoint.send(message, UDP, OURS, 0.0)


@pytest.mark.parametrize("cseq", ["1 BYE", "x", ""])
def test_a_request_with_a_wrong_cseq_is_our_own_mistake(cseq: str) -> None:
    message = own_request()
    message.headers.set("CSeq", cseq)
    with pytest.raises(LocalViolation):
        Desk().endpoint.send(message, UDP, OURS, 0.0)


def test_client_transactions_are_bounded() -> None:
    desk = Desk(EndpointSettings(max_client_transactions=2))
    for number in (1, 2):
        desk.endpoint.send(own_request("MESSAGE", number), UDP, OURS, 0.0)
    with pytest.raises(EndpointFull, match="2 client"):
        desk.endpoint.send(own_request("MESSAGE", 3), UDP, OURS, 0.0)


def test_two_requests_with_one_call_id_and_cseq_do_not_disturb_each_other() -> None:
    desk = Desk()
    keys = [desk.endpoint.send(own_request(), TCP, OURS, 0.0) for _ in range(2)]
    first, second = desk.sent()
    (event,) = desk.receive(answer_bytes(first.data, 200), TCP)
    assert isinstance(event, ResponseReceived)
    assert event.key == keys[0]
    (event,) = desk.receive(answer_bytes(second.data, 200, via=False), TCP)
    assert isinstance(event, ResponseReceived)
    assert event.key == keys[1]


def test_requests_and_answers_are_counted_by_method_and_status() -> None:
    caller = Caller("INVITE")
    caller.answer(100)
    caller.answer(486)
    stats = caller.endpoint.stats
    assert stats.requests_sent == {"INVITE": 1, "ACK": 1}
    assert stats.responses_received == {("INVITE", 100): 1, ("INVITE", 486): 1}
    other = Caller("FETCH")
    other.answer(200)
    assert other.endpoint.stats.requests_sent == {"OTHER": 1}
    assert other.endpoint.stats.responses_received == {("OTHER", 200): 1}


def test_an_abandoned_request_is_repeated_no_more_and_its_answer_changes_nothing() -> None:
    """What a newer request replaced must not arrive after it."""
    caller = Caller("MESSAGE")
    caller.endpoint.abandon(caller.key)
    caller.endpoint.handle_timer(40.0)
    assert caller.endpoint.packets_to_send() == []
    caller.answer(200)
    assert caller.endpoint.events() == []
    assert caller.endpoint.stats.stray_responses == 1
    assert caller.endpoint.client_transactions == 0


def test_what_is_answered_gone_or_an_invite_cannot_be_abandoned() -> None:
    answered = Caller("MESSAGE")
    answered.answer(200)
    answered.endpoint.events()
    answered.endpoint.abandon(answered.key)
    answered.answer(200)
    assert answered.endpoint.stats.repetitions_received == 1
    answered.endpoint.handle_timer(40.0)
    answered.endpoint.abandon(answered.key)
    invite = Caller("INVITE")
    invite.endpoint.abandon(invite.key)
    assert invite.endpoint.client_transactions == 1
