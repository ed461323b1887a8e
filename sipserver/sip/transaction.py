"""The four transaction machines of RFC 3261 section 17, with the ACCEPTED state of RFC 6026.

A pair that is missing from a table is ignored on purpose: over UDP a late timer or a repeated
message is ordinary, not an error. That is also why timers need not be cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar, Final

from sipserver.sip.flow import Flow


class State(IntEnum):
    CALLING = 0
    TRYING = 1
    PROCEEDING = 2
    COMPLETED = 3
    ACCEPTED = 4
    CONFIRMED = 5
    TERMINATED = 6


class Input(IntEnum):
    """What can happen to a transaction. For servers the answers come from our own side."""

    REQUEST = 0
    ACK = 1
    PROVISIONAL = 2
    SUCCESS = 3
    FAILURE = 4
    TRANSPORT_ERROR = 5
    TIMER_A = 6
    TIMER_B = 7
    TIMER_C = 8
    TIMER_D = 9
    TIMER_E = 10
    TIMER_F = 11
    TIMER_G = 12
    TIMER_H = 13
    TIMER_I = 14
    TIMER_J = 15
    TIMER_K = 16
    TIMER_L = 17
    TIMER_M = 18
    TIMER_TRYING = 19


class Action(IntEnum):
    """What the endpoint has to do about it."""

    IGNORE = 0
    RESEND = 1
    SEND = 2
    SEND_TRYING = 3
    PASS_UP = 4
    PASS_UP_AND_ACK = 5
    REPEAT_ACK = 6
    ANOTHER_SUCCESS = 7
    ACKNOWLEDGED = 8
    PASS_UP_ACK = 9
    TIME_OUT = 10
    FAIL = 11
    GIVE_UP = 12
    UNACKNOWLEDGED = 13
    FORGET = 14
    REFUSE = 15
    LINGER = 16


Table = Mapping[tuple[State, Input], tuple[Action, State]]

# RFC 3261 section 17.1.1.2, figure 5, as replaced by RFC 6026 section 7.2.
# TIMER_C is the bound on a call that rings for ever, or that does not end after CANCEL (9.1).
INVITE_CLIENT: Final[Table] = {
    (State.CALLING, Input.TIMER_A): (Action.RESEND, State.CALLING),
    (State.CALLING, Input.TIMER_B): (Action.TIME_OUT, State.TERMINATED),
    (State.CALLING, Input.PROVISIONAL): (Action.PASS_UP, State.PROCEEDING),
    (State.CALLING, Input.SUCCESS): (Action.PASS_UP, State.ACCEPTED),
    (State.CALLING, Input.FAILURE): (Action.PASS_UP_AND_ACK, State.COMPLETED),
    (State.CALLING, Input.TRANSPORT_ERROR): (Action.FAIL, State.TERMINATED),
    (State.PROCEEDING, Input.PROVISIONAL): (Action.PASS_UP, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (Action.PASS_UP, State.ACCEPTED),
    (State.PROCEEDING, Input.FAILURE): (Action.PASS_UP_AND_ACK, State.COMPLETED),
    (State.PROCEEDING, Input.TIMER_C): (Action.TIME_OUT, State.TERMINATED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.FAIL, State.TERMINATED),
    (State.COMPLETED, Input.FAILURE): (Action.REPEAT_ACK, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_D): (Action.FORGET, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
    (State.ACCEPTED, Input.SUCCESS): (Action.ANOTHER_SUCCESS, State.ACCEPTED),
    (State.ACCEPTED, Input.TIMER_M): (Action.FORGET, State.TERMINATED),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
}

# RFC 3261 section 17.1.2.2, figure 6.
NON_INVITE_CLIENT: Final[Table] = {
    (State.TRYING, Input.TIMER_E): (Action.RESEND, State.TRYING),
    (State.TRYING, Input.TIMER_F): (Action.TIME_OUT, State.TERMINATED),
    (State.TRYING, Input.PROVISIONAL): (Action.PASS_UP, State.PROCEEDING),
    (State.TRYING, Input.SUCCESS): (Action.PASS_UP, State.COMPLETED),
    (State.TRYING, Input.FAILURE): (Action.PASS_UP, State.COMPLETED),
    (State.TRYING, Input.TRANSPORT_ERROR): (Action.FAIL, State.TERMINATED),
    (State.PROCEEDING, Input.TIMER_E): (Action.RESEND, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_F): (Action.TIME_OUT, State.TERMINATED),
    (State.PROCEEDING, Input.PROVISIONAL): (Action.PASS_UP, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (Action.PASS_UP, State.COMPLETED),
    (State.PROCEEDING, Input.FAILURE): (Action.PASS_UP, State.COMPLETED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.FAIL, State.TERMINATED),
    (State.COMPLETED, Input.TIMER_K): (Action.FORGET, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
}

# RFC 3261 section 17.2.1, figure 7, as replaced by RFC 6026 section 7.1. The repetition of a 2xx
# (RFC 3261 section 13.3.1.4) is done here with timer G instead of in the user of the transaction,
# so CONFIRMED also stands for "2xx acknowledged".
# The figure ends with timers H and L, 32 s after the answer. The peer may send its last copy of the
# INVITE 31.5 s after the first, and the network may keep it for T4: so both lead to CONFIRMED, which
# absorbs it, and timer I ends all.
# TIMER_C: nobody on our side answered; REFUSE sends the final answer that was missing.
INVITE_SERVER: Final[Table] = {
    (State.PROCEEDING, Input.REQUEST): (Action.RESEND, State.PROCEEDING),
    (State.PROCEEDING, Input.PROVISIONAL): (Action.SEND, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (Action.SEND, State.ACCEPTED),
    (State.PROCEEDING, Input.FAILURE): (Action.SEND, State.COMPLETED),
    (State.PROCEEDING, Input.TIMER_TRYING): (Action.SEND_TRYING, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_C): (Action.REFUSE, State.PROCEEDING),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.FAIL, State.TERMINATED),
    (State.COMPLETED, Input.REQUEST): (Action.RESEND, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_G): (Action.RESEND, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_H): (Action.LINGER, State.CONFIRMED),
    (State.COMPLETED, Input.ACK): (Action.ACKNOWLEDGED, State.CONFIRMED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
    (State.ACCEPTED, Input.TIMER_G): (Action.RESEND, State.ACCEPTED),
    (State.ACCEPTED, Input.ACK): (Action.PASS_UP_ACK, State.CONFIRMED),
    (State.ACCEPTED, Input.TIMER_L): (Action.UNACKNOWLEDGED, State.CONFIRMED),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (Action.UNACKNOWLEDGED, State.TERMINATED),
    (State.CONFIRMED, Input.TIMER_I): (Action.FORGET, State.TERMINATED),
    (State.CONFIRMED, Input.TIMER_L): (Action.LINGER, State.CONFIRMED),
    (State.CONFIRMED, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
}

# RFC 3261 section 17.2.2, figure 8. TIMER_F stands for the peer's: nobody waits any longer, but a late
# copy of the request may still arrive and must not be taken for a new one.
NON_INVITE_SERVER: Final[Table] = {
    (State.TRYING, Input.PROVISIONAL): (Action.SEND, State.PROCEEDING),
    (State.TRYING, Input.SUCCESS): (Action.SEND, State.COMPLETED),
    (State.TRYING, Input.FAILURE): (Action.SEND, State.COMPLETED),
    (State.TRYING, Input.TIMER_F): (Action.GIVE_UP, State.COMPLETED),
    (State.TRYING, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
    (State.PROCEEDING, Input.REQUEST): (Action.RESEND, State.PROCEEDING),
    (State.PROCEEDING, Input.PROVISIONAL): (Action.SEND, State.PROCEEDING),
    (State.PROCEEDING, Input.SUCCESS): (Action.SEND, State.COMPLETED),
    (State.PROCEEDING, Input.FAILURE): (Action.SEND, State.COMPLETED),
    (State.PROCEEDING, Input.TIMER_F): (Action.GIVE_UP, State.COMPLETED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
    (State.COMPLETED, Input.REQUEST): (Action.RESEND, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_J): (Action.FORGET, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.FORGET, State.TERMINATED),
}

_NOTHING: Final = Action.IGNORE


class Transaction:
    """One exchange: its state, the packet it repeats, and where that goes. A subclass per machine."""

    __slots__ = ("flow", "packet", "since", "state")

    table: ClassVar[Table] = {}

    def __init__(self, state: State, flow: Flow) -> None:
        self.state = state
        self.flow = flow
        # What is sent again; empty before the first answer of a server.
        self.packet = b""
        # When it began to wait for the one timer of its state (see WaitingLane).
        self.since = 0.0

    def step(self, happened: Input) -> Action:
        """Move by one input; returns what has to be done."""
        entry = self.table.get((self.state, happened))
        if entry is None:
            return _NOTHING
        action, self.state = entry
        return action
