"""ACK, CANCEL and the absence of ACK reach the call they concern."""

from sipserver.devices.incoming_calls import IncomingCalls
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow, Transport
from sipserver.sip.message import SipRequest

KEY: ServerKey = ("branch", "host", "INVITE", 1, "call", "tag")
OTHER: ServerKey = ("other", "host", "INVITE", 1, "call", "tag")
ACK = SipRequest("ACK", "sip:a@b", [])
FLOW = Flow(Transport.UDP, ("192.0.2.1", 5060), ("192.0.2.2", 5060))


class Call:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def acknowledged(self, ack: SipRequest) -> None:
        self.heard.append(ack.method)

    def abandoned(self, reason: str) -> None:
        self.heard.append(reason)


def test_only_the_call_itself_hears_of_it() -> None:
    calls, call = IncomingCalls(), Call()
    calls.add(KEY, call)
    calls.acknowledged(OTHER, ACK, FLOW)
    calls.cancelled(OTHER)
    calls.unacknowledged(OTHER)
    assert call.heard == []
    calls.acknowledged(KEY, ACK, FLOW)
    assert call.heard == ["ACK"]


def test_abandoned_call_is_forgotten() -> None:
    """GB-C117."""
    for report in (IncomingCalls.cancelled, IncomingCalls.unacknowledged):
        calls, call = IncomingCalls(), Call()
        calls.add(KEY, call)
        report(calls, KEY)
        report(calls, KEY)
        assert len(call.heard) == 1
        assert len(calls) == 0


def test_call_that_was_taken_out_hears_nothing() -> None:
    calls, call = IncomingCalls(), Call()
    calls.add(KEY, call)
    calls.remove(KEY)
    calls.remove(KEY)
    calls.cancelled(KEY)
    assert call.heard == []
