"""Two endpoints and a network that delays, drops, doubles and reorders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipserver.sip.dialog import Dialog
from sipserver.sip.endpoint import Transport
from sipserver.sip.events import (
    AckReceived,
    AnswerUnacknowledged,
    ClientKey,
    Event,
    InviteCancelled,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    StrayAnswer,
)
from sipserver.sip.message import SipRequest, make_response
from tests.support.link import FAIR, Weather, Wire

CALLS = 12


def make_request(method: str, number: int) -> SipRequest:
    return SipRequest(
        method,
        "sip:b@198.51.100.2",
        [
            ("From", "<sip:a@192.0.2.1>;tag=a"),
            ("To", "<sip:b@198.51.100.2>"),
            ("Call-ID", f"call-{number}"),
            ("CSeq", f"1 {method}"),
        ],
    )


class Exchange:
    """A sends requests of all kinds, B answers after a while, both do what RFC 3261 asks of users."""

    def __init__(self, seed: int, weather: Weather, transport: Transport = Transport.UDP) -> None:
        self.wire = Wire(seed, weather, transport)
        self.wire.a.on_event = self.at_a
        self.wire.b.on_event = self.at_b
        self.executed: dict[tuple[str, str], int] = {}
        self.finals: dict[ClientKey, int] = {}
        self.requests: dict[ClientKey, SipRequest] = {}
        self.cancelled: set[ClientKey] = set()

    def start(self) -> None:
        endpoint, flow = self.wire.a.endpoint, self.wire.flow_of(self.wire.a)
        for number in range(CALLS):
            method = ("MESSAGE", "INVITE", "INVITE", "BYE")[number % 4]
            request = make_request(method, number)
            key = endpoint.send(request, flow, self.wire.a.address, self.wire.now)
            self.requests[key] = request
            if number % 4 == 2:
                endpoint.cancel(key, self.wire.now)
                self.cancelled.add(key)

    def at_a(self, event: Event, now: float) -> None:
        if isinstance(event, ResponseReceived):
            if event.response.status >= 200:
                self.finals[event.key] = self.finals.get(event.key, 0) + 1
                if event.response.status < 300 and event.response.cseq.method == "INVITE":
                    self.acknowledge(self.requests[event.key], event, now)
        elif isinstance(event, RequestTimedOut):
            self.finals[event.key] = self.finals.get(event.key, 0) + 1
        elif isinstance(event, StrayAnswer):
            number = int(event.response.call_id.removeprefix("call-"))
            self.acknowledge(make_request("INVITE", number), event, now)

    def acknowledge(self, request: SipRequest, event: ResponseReceived | StrayAnswer, now: float) -> None:
        ack = Dialog.from_answer(request, event.response).make_ack()
        self.wire.a.endpoint.send_ack(ack, self.wire.flow_of(self.wire.a), self.wire.a.address, now)

    def at_b(self, event: Event, now: float) -> None:
        if isinstance(event, RequestReceived):
            name = (event.request.method, event.request.call_id)
            self.executed[name] = self.executed.get(name, 0) + 1
            number = int(event.request.call_id.removeprefix("call-"))
            if number % 3:
                status = 200 if number % 2 else 486
                self.wire.b.endpoint.respond(event.key, make_response(event.request, status), now)
            elif event.request.method == "INVITE":
                self.wire.b.endpoint.respond(event.key, make_response(event.request, 180), now)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    drop=st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]),
    double=st.sampled_from([0.0, 0.2, 1.0]),
    delay=st.sampled_from([0.005, 0.5, 3.0]),
)
def test_on_any_network_every_transaction_ends_and_every_request_is_executed_at_most_once(
    seed: int, drop: float, double: float, delay: float
) -> None:
    exchange = Exchange(seed, Weather(drop, double, 0.001, delay))
    exchange.start()
    exchange.wire.run(until=1000.0)
    wire = exchange.wire
    assert wire.a.endpoint.client_transactions == 0
    assert wire.b.endpoint.server_transactions == 0
    assert wire.a.endpoint.next_timer() is None
    assert wire.b.endpoint.next_timer() is None
    assert set(exchange.finals) == set(exchange.requests)
    assert all(count == 1 for count in exchange.finals.values())
    assert all(count == 1 for count in exchange.executed.values())


def test_a_lossless_network_executes_everything_and_acknowledges_every_call() -> None:
    exchange = Exchange(1, FAIR)
    exchange.start()
    exchange.wire.run()
    assert len(exchange.executed) == CALLS
    unacknowledged = [event for event in exchange.wire.b.events if isinstance(event, AnswerUnacknowledged)]
    assert unacknowledged == []
    assert any(isinstance(event, AckReceived) for event in exchange.wire.b.events)
    assert any(isinstance(event, InviteCancelled) for event in exchange.wire.b.events)
    assert exchange.wire.b.endpoint.stats.malformed == 0


def test_a_bad_network_still_carries_nearly_all_requests() -> None:
    """With one packet in three lost, eleven tries make a miss about as rare as 1 in 100,000."""
    exchange = Exchange(7, Weather(drop=0.33, double=0.1, min_delay_s=0.01, max_delay_s=0.2))
    exchange.start()
    exchange.wire.run()
    answered = [
        event
        for event in exchange.wire.a.events
        if isinstance(event, ResponseReceived) and event.response.status >= 200
    ]
    timed_out = [event for event in exchange.wire.a.events if isinstance(event, RequestTimedOut)]
    assert len(answered) + len(timed_out) == CALLS
    assert len(exchange.executed) == CALLS
    assert exchange.wire.a.endpoint.stats.retransmissions_sent > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_over_tcp_nothing_is_sent_twice_but_the_2xx(seed: int) -> None:
    exchange = Exchange(seed, FAIR, Transport.TCP)
    exchange.start()
    exchange.wire.run()
    assert exchange.wire.a.endpoint.stats.retransmissions_sent == 0
    assert exchange.wire.b.endpoint.stats.repetitions_received == 0
    assert exchange.wire.b.endpoint.server_transactions == 0
