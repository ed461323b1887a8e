"""INVITEs of peers that were answered with 200: who hears of their ACK, their CANCEL, and of its absence.

The transport has one handler for each of these; this table passes them on to the call they concern. It holds
nothing but calls whose owner has entered them and not yet taken them out.
"""

from __future__ import annotations

from typing import Protocol

from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest


class IncomingCall(Protocol):
    """The owner of one answered INVITE."""

    def acknowledged(self, ack: SipRequest) -> None:
        """The first ACK of our 200; it may hold the answer to a late offer."""

    def abandoned(self, reason: str) -> None:
        """The peer cancelled, or never acknowledged."""


class IncomingCalls:
    """The table, by server transaction."""

    def __init__(self) -> None:
        self._calls: dict[ServerKey, IncomingCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, key: ServerKey, call: IncomingCall) -> None:
        self._calls[key] = call

    def remove(self, key: ServerKey) -> None:
        """Harmless when repeated."""
        self._calls.pop(key, None)

    # ---------------------------------------------------------------- what the transport reports

    def acknowledged(self, key: ServerKey, ack: SipRequest, _flow: Flow) -> None:
        if (call := self._calls.get(key)) is not None:
            call.acknowledged(ack)

    def cancelled(self, key: ServerKey) -> None:
        if (call := self._calls.pop(key, None)) is not None:
            call.abandoned("the peer cancelled its INVITE")

    def unacknowledged(self, key: ServerKey) -> None:
        if (call := self._calls.pop(key, None)) is not None:
            call.abandoned("the peer never acknowledged our 200")
