"""A desk with one request of ours under way."""

from __future__ import annotations

from sipserver.sip.dialog import Dialog
from sipserver.sip.endpoint import Flow
from sipserver.sip.events import (
    Event,
    ResponseReceived,
)
from sipserver.sip.message import SipResponse, parse_message
from tests.unit.sipserver.sip.builders import OURS, UDP, Desk, answer_bytes, own_request


class Caller(Desk):
    """A desk with one request of ours under way."""

    def __init__(self, method: str = "MESSAGE", flow: Flow = UDP) -> None:
        super().__init__()
        self.flow = flow
        self.request = own_request(method)
        self.key = self.endpoint.send(self.request, flow, OURS, 0.0)
        (self.packet,) = self.sent()

    def answer(self, status: int, **options: object) -> list[Event]:
        return self.receive(answer_bytes(self.packet.data, status, **options), self.flow)  # type: ignore[arg-type]

    def statuses_of(self, events: list[Event]) -> list[int]:
        return [
            event.response.status
            for event in events
            if isinstance(event, ResponseReceived) and event.key == self.key
        ]

    def acknowledge(self, tag: str = "dev77") -> None:
        answered = parse_message(answer_bytes(self.packet.data, 200, tag=tag))
        assert isinstance(answered, SipResponse)
        ack = Dialog.from_answer(self.request, answered).make_ack()
        self.endpoint.send_ack(ack, self.flow, OURS, self.now)
