"""What can go wrong in SIP, sorted by who is at fault.

SipError
├── LocalViolation      we broke a rule: a bug in the caller, it ends its task loudly
├── RemoteViolation     the peer broke a rule: carries the status to answer with
├── MalformedMessage    the bytes cannot be used: drop and count
└── EndpointFull        too many requests of ours are under way
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipserver.sip.message import SipRequest


class SipError(Exception):
    """Anything this room raises."""


class LocalViolation(SipError):
    """Our own code asked for something that SIP forbids."""


class RemoteViolation(SipError):
    """The peer's message is readable but breaks a rule.

    Args:
        status: the status code to answer with.
        reason: what was wrong, for the log and as reason phrase.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class MalformedMessage(SipError):
    """These bytes are no usable SIP message.

    Args:
        message: the numbers that prove it.
        offset: where in the bytes, for someone with a capture open.
        status: the answer it deserves, 0 for none.
        request: the request to answer, only when Via, From, To, Call-ID and CSeq are usable.
    """

    def __init__(
        self, message: str, *, offset: int = 0, status: int = 0, request: SipRequest | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.status = status
        self.request = request


class EndpointFull(SipError):
    """We hold as many client transactions as we may; try again later."""
