"""Faults by name: how a simulated device can go wrong on purpose.

A plain table. A fault changes a few fields of ``Behaviour``; the device reads these and knows no fault by
name. Where a fault has a measure, it can be given: ``late-stream=4``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sipserver.simulator.errors import UnknownFault


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a device does where devices are known to differ."""

    ssrc_offset: int = 0
    """Added to the agreed SSRC in the RTP headers."""
    with_map: bool = True
    """Whether a program stream map stands before key frames."""
    password_suffix: str = ""
    answers_invite: bool = True
    stream_delay_s: float = 0.0
    """From ACK to the first packet."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A named change of behaviour, and what it imitates."""

    imitates: str
    changes: Mapping[str, Any]
    measure: str = ""
    """The field of ``Behaviour`` that a number after ``=`` sets; empty: this fault takes none."""


FAULTS: Final[Mapping[str, Fault]] = {
    "wrong-ssrc": Fault("RTP does not carry the y= value (Q56)", {"ssrc_offset": 1}),
    "no-psm": Fault("no program stream map (Q90)", {"with_map": False}),
    "wrong-password": Fault("the password was mistyped", {"password_suffix": "-wrong"}),
    "no-answer": Fault("INVITE is never answered", {"answers_invite": False}),
    "late-stream": Fault(
        "media starts long after ACK, as from a sleeping camera", {"stream_delay_s": 8.0}, "stream_delay_s"
    ),
}


def behaviour_of(names: Iterable[str]) -> Behaviour:
    """The behaviour with these faults.

    Raises:
        UnknownFault: a name that is not in the table, or a number that cannot be.
    """
    behaviour = Behaviour()
    for text in names:
        name, separator, measure = text.partition("=")
        fault = FAULTS.get(name)
        if fault is None:
            raise UnknownFault(f"no fault is named {name!r}; known are {', '.join(FAULTS)}")
        behaviour = replace(behaviour, **fault.changes)
        if separator:
            change: dict[str, Any] = {fault.measure: _measure(name, fault, measure)}
            behaviour = replace(behaviour, **change)
    return behaviour


def _measure(name: str, fault: Fault, text: str) -> float:
    if not fault.measure:
        raise UnknownFault(f"the fault {name} takes no number")
    try:
        number = float(text)
    except ValueError:
        raise UnknownFault(f"{name}={text[:40]} is not a number") from None
    if not 0 <= number < 1e6:
        raise UnknownFault(f"{name}={text[:40]} is not between 0 and 1000000")
    return int(number) if isinstance(getattr(Behaviour(), fault.measure), int) else number
