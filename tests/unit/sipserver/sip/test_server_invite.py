"""INVITE server transactions: provisional and final answers, ACK and CANCEL."""

from __future__ import annotations

import pytest

from sipserver.sip.endpoint import Flow, Transport
from sipserver.sip.events import (
    AckReceived,
    AnswerUnacknowledged,
    InviteCancelled,
)
from sipserver.sip.message import SipResponse, parse_message
from tests.unit.sipserver.sip.builders import (
    OURS,
    TCP,
    UDP,
    Desk,
    ack_for,
    answer,
    request_bytes,
    take,
)

INVITE = request_bytes("INVITE")
CANCEL = request_bytes("CANCEL")


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
    # Timer L, and T4 more where copies may still be under way.
    assert desk.sleep_until(32.0 if flow is TCP else 37.0) == []
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
    desk.sent()
    assert desk.schedule(36.9) == []
    assert desk.receive(INVITE) == []
    assert desk.sleep_until(37.0) == []
    assert desk.endpoint.server_transactions == 0


@pytest.mark.parametrize("status", [200, 486])
def test_a_late_copy_of_an_invite_is_not_executed_again(status: int) -> None:
    """The peer's last repetition leaves after 31.5 s and may take 5 s."""
    desk = Desk()
    answer(desk, take(desk, INVITE), status)
    desk.sleep_until(36.5)
    desk.sent()
    assert desk.receive(INVITE) == []
    assert desk.sent() == []


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
