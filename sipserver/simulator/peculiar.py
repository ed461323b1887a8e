"""Answers to an INVITE as some devices write them."""

import re
from dataclasses import replace
from typing import Final

from sipserver.gb.sdp import Payload, SessionDescription
from sipserver.gb.ssrc import to_int
from sipserver.simulator.faults import Behaviour

# What a gateway of another domain puts into y= (Q55).
_OWN_PREFIX: Final = "0703"
# The lines of an offer in the order of the standard, and a y= of ten digits (Q54).
_ORDERED_OFFER: Final = re.compile(
    rb"v=0\r\no=[^\r]+\r\ns=[^\r]+\r\n(?:u=[^\r]+\r\n)?c=IN IP[46] [^\r]+\r\n(?:b=[^\r]+\r\n)?t=\d+ \d+\r\n"
    rb"m=[^\r]+\r\n(?:a=[^\r]+\r\n)+y=\d{10}\r\n(?:f=[^\r]*\r\n)?"
)


def is_in_order(offer: bytes) -> bool:
    """Whether a parser that wants every line in its place reads this."""
    return _ORDERED_OFFER.fullmatch(offer) is not None


def peculiar(answer: SessionDescription, behaviour: Behaviour) -> SessionDescription:
    """The answer with what this device does differently."""
    payload = Payload(96, behaviour.vendor_stream) if behaviour.vendor_stream else answer.payload
    return replace(
        answer,
        host=behaviour.answer_host or answer.host,
        setup=answer.setup if behaviour.states_setup else None,
        payloads=(payload,),
        ssrc=_stated_ssrc(answer, behaviour),
    )


def ssrc_of(answer: SessionDescription, behaviour: Behaviour) -> int:
    """The SSRC in the RTP packets."""
    if behaviour.fixed_ssrc >= 0:
        return behaviour.fixed_ssrc
    agreed = to_int((_own(answer) if behaviour.own_ssrc else answer.ssrc) or "0")
    return (agreed + behaviour.ssrc_offset) & 0xFFFFFFFF


def _stated_ssrc(answer: SessionDescription, behaviour: Behaviour) -> str | None:
    if not behaviour.states_ssrc:
        return None
    return _own(answer) if behaviour.own_ssrc else answer.ssrc


def _own(answer: SessionDescription) -> str | None:
    return None if answer.ssrc is None else _OWN_PREFIX + answer.ssrc[len(_OWN_PREFIX) :]
