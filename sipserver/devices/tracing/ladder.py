"""Packets of the trace as people read them: one step of a ladder each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from sipserver.gb.charset import decode_text
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.masking import masked
from sipserver.sip.errors import SipError
from sipserver.sip.message import SipMessage, SipResponse, parse_message
from sipserver.transport.trace import TracedPacket

SUMMARY_MAX_CHARS: Final = 200
_DOCUMENT: Final = re.compile(rb"<(Control|Query|Notify|Response)[\s>]", re.IGNORECASE)
_ELEMENT: Final = b"<%b(?:\\s[^<>]{0,100})?>\\s*([^<]{1,64}?)\\s*</"
_FACTS: Final = tuple(
    (name.decode(), re.compile(_ELEMENT % name, re.IGNORECASE))
    for name in (b"CmdType", b"SN", b"DeviceID", b"SumNum", b"Result", b"Status")
)
_SDP: Final = tuple(
    (name, re.compile(pattern, re.MULTILINE))
    for name, pattern in (
        ("", rb"^s=([^\r\n]{1,40})"),
        ("", rb"^m=([^\r\n]{1,60})"),
        ("at", rb"^c=IN IP[46] ([^\s]{1,64})"),
        ("setup", rb"^a=setup:(\w{1,12})"),
        ("y", rb"^y=([^\r\n]{1,20})"),
    )
)


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One message between this platform and a peer, secrets masked."""

    time: datetime
    is_sent: bool
    transport: str
    local: str
    remote: str
    what: str
    """``INVITE``, ``200 OK``, or ``unreadable``."""
    method: str
    """Of the CSeq; empty when unreadable."""
    status: int | None
    call_id: str
    cseq: int | None
    from_id: str
    to_id: str
    summary: str
    """What the body says, in one line."""
    size_bytes: int
    text: str


@dataclass(frozen=True, slots=True)
class TracedSession:
    """The messages of one Call-ID."""

    call_id: str
    method: str
    begin_time: datetime
    end_time: datetime
    messages: int
    last_status: int | None


def ladder(packets: Iterable[TracedPacket]) -> list[LadderStep]:
    """The steps, in the order of the packets."""
    return [_step(packet) for packet in packets]


def sessions(steps: Iterable[LadderStep]) -> list[TracedSession]:
    """What there was, by Call-ID, in the order in which each began."""
    found: dict[str, list[LadderStep]] = {}
    for step in steps:
        if step.call_id:
            found.setdefault(step.call_id, []).append(step)
    return [
        TracedSession(
            call_id=call_id,
            method=members[0].method,
            begin_time=members[0].time,
            end_time=members[-1].time,
            messages=len(members),
            last_status=next((step.status for step in reversed(members) if step.status is not None), None),
        )
        for call_id, members in found.items()
    ]


def as_text(title: str, steps: Iterable[LadderStep], *, with_messages: bool) -> str:
    """A page for a ticket: the ladder, and below it the messages."""
    steps = list(steps)
    lines = [title, "platform on the left, peer on the right; time of Beijing", ""]
    lines += [_rung(step) for step in steps]
    for step in steps if with_messages else ():
        lines += ["", f"---- {_rung(step)}", step.text.replace("\r\n", "\n")]
    return "\n".join(lines) + "\n"


def _rung(step: LadderStep) -> str:
    arrow = f"--{step.what[:28]:-<28}>" if step.is_sent else f"<-{step.what[:28]:-<28}-"
    clock = f"{step.time.astimezone(BEIJING):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{clock}  {arrow}  {step.remote} {step.transport}  {step.summary}".rstrip()


def _step(packet: TracedPacket) -> LadderStep:
    flow, data = packet.flow, masked(packet.data)
    seen = LadderStep(
        time=datetime.fromtimestamp(packet.time_s, UTC),
        is_sent=packet.is_sent,
        transport=flow.transport.value,
        local=_address(flow.local),
        remote=_address(flow.remote),
        what="unreadable",
        method="",
        status=None,
        call_id="",
        cseq=None,
        from_id="",
        to_id="",
        summary="",
        size_bytes=len(data),
        text=_text(data),
    )
    try:
        return _read(seen, parse_message(data))
    except SipError as error:
        return replace(seen, summary=str(error)[:SUMMARY_MAX_CHARS])


def _read(seen: LadderStep, message: SipMessage) -> LadderStep:
    is_answer = isinstance(message, SipResponse)
    return replace(
        seen,
        what=message.start_line.removeprefix("SIP/2.0 ") if is_answer else message.start_line.split(" ")[0],
        method=message.cseq.method,
        status=message.status if isinstance(message, SipResponse) else None,
        call_id=message.call_id,
        cseq=message.cseq.number,
        from_id=message.from_.uri.user or "",
        to_id=message.to.uri.user or "",
        summary=_summary(message.body),
    )


def _summary(body: bytes) -> str:
    if not body:
        return ""
    root = _DOCUMENT.search(body)
    if root is not None:
        words = [root[1].decode("ascii")]
        for name, pattern in _FACTS:
            if (found := pattern.search(body)) is not None:
                value = _line(found[1])
                words.append(value if name == "CmdType" else f"{name} {value}")
        return " ".join(words)[:SUMMARY_MAX_CHARS]
    words = [f"{name} {_line(found[1])}".strip() for name, pattern in _SDP if (found := pattern.search(body))]
    return (", ".join(words) or f"{len(body)} bytes")[:SUMMARY_MAX_CHARS]


def _line(value: bytes) -> str:
    return " ".join(value.decode("utf-8", "replace").split())


def _text(data: bytes) -> str:
    head, separator, body = data.partition(b"\r\n\r\n")
    return head.decode("utf-8", "replace") + separator.decode() + decode_text(body).text


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
