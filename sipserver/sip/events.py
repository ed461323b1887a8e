"""What the endpoint reports. Past tense: it has happened."""

from __future__ import annotations

from typing import NamedTuple, NewType

from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse

# Opaque names of transactions. Hold them, give them back, look at nothing inside.
ServerKey = tuple[str, str, str, int, str, str]
ClientKey = NewType("ClientKey", str)


class RequestReceived(NamedTuple):
    """A new request. Answer it with ``Endpoint.respond(key, ...)``. Repetitions are never reported."""

    key: ServerKey
    request: SipRequest
    flow: Flow


class InviteCancelled(NamedTuple):
    """The peer cancelled an INVITE before the final answer; CANCEL and INVITE (487) are answered already."""

    key: ServerKey


class AckReceived(NamedTuple):
    """The first ACK for a 2xx of ours arrived; it may carry the answer to a late offer."""

    key: ServerKey
    request: SipRequest
    flow: Flow


class AnswerUnacknowledged(NamedTuple):
    """A 2xx of ours was repeated for 32 s and never acknowledged: send BYE."""

    key: ServerKey


class ResponseReceived(NamedTuple):
    """A provisional or the final response to a request of ours."""

    key: ClientKey
    response: SipResponse
    flow: Flow


class RequestTimedOut(NamedTuple):
    """No final response came in time; nothing more will be reported for this key."""

    key: ClientKey


class FlowFailed(NamedTuple):
    """The flow of a request of ours closed before its final response."""

    key: ClientKey


class StrayAnswer(NamedTuple):
    """A 2xx to an INVITE of ours that came late or from a second branch: send ACK, then BYE."""

    response: SipResponse
    flow: Flow


Event = (
    RequestReceived
    | InviteCancelled
    | AckReceived
    | AnswerUnacknowledged
    | ResponseReceived
    | RequestTimedOut
    | FlowFailed
    | StrayAnswer
)
