"""What was seen at a server's hands, and how it is read. Pure: messages in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from console.conformance.model import Verdict, Words
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedDocument, MalformedSdp
from sipserver.gb.manscdp import Document, parse_document
from sipserver.gb.sdp import SessionDescription
from sipserver.sip.errors import SipError
from sipserver.sip.message import SipRequest, SipResponse, parse_message
from sipserver.transport.trace import TracedPacket


class Seen(NamedTuple):
    """One message on the device's wire; ``is_sent`` by the device."""

    packet: TracedPacket
    message: SipRequest | SipResponse

    @property
    def is_sent(self) -> bool:
        return self.packet.is_sent


class Expected(NamedTuple):
    """What the judges compare with."""

    device_ids: frozenset[str]
    """The device and its channels."""
    edition: Edition


class Finding(NamedTuple):
    """One claim about the server."""

    verdict: Verdict
    words: Words
    detail: str


@dataclass(slots=True)
class Judgement:
    """What one judge found so far; complete when nothing more can come."""

    findings: list[Finding] = field(default_factory=list)
    evidence: list[Seen] = field(default_factory=list)
    is_complete: bool = True

    def check(self, is_so: bool, chinese: str, english: str, detail: str = "") -> bool:
        verdict = Verdict.PASSED if is_so else Verdict.FAILED
        self.findings.append(Finding(verdict, Words(chinese, english), detail))
        return is_so

    def remark(self, chinese: str, english: str, detail: str = "") -> None:
        self.findings.append(Finding(Verdict.REMARK, Words(chinese, english), detail))


def read_packet(packet: TracedPacket) -> Seen | None:
    """None for what is no SIP."""
    try:
        return Seen(packet, parse_message(packet.data))
    except SipError:
        return None


def received(seen: Iterable[Seen], method: str) -> list[tuple[Seen, SipRequest]]:
    """Requests of the server; a repeated packet counts once."""
    found: dict[tuple[str, int], tuple[Seen, SipRequest]] = {}
    for each in seen:
        message = each.message
        if not each.is_sent and isinstance(message, SipRequest) and message.method == method:
            found.setdefault((message.call_id, message.cseq.number), (each, message))
    return list(found.values())


def documents(seen: Iterable[Seen], root: str, *cmd_types: str) -> list[tuple[Seen, SipRequest, Document]]:
    """MANSCDP documents of the server; no CmdType: every one of this root."""
    found = []
    for each, request in received(seen, "MESSAGE"):
        document = _document(request.body)
        if document is None:
            continue
        if document.root == root and (not cmd_types or document.cmd_type in cmd_types):
            found.append((each, request, document))
    return found


@lru_cache(maxsize=4096)  # the judges look at the same messages again and again
def _document(body: bytes) -> Document | None:
    try:
        return parse_document(body)
    except MalformedDocument:
        return None


def of_call(seen: Sequence[Seen], call_id: str) -> list[Seen]:
    return [each for each in seen if each.message.call_id == call_id]


def description(request: SipRequest | SipResponse) -> SessionDescription | None:
    """None: there is none that can be read."""
    try:
        return SessionDescription.parse(request.body) if request.body else None
    except MalformedSdp:
        return None


def with_answers(seen: Sequence[Seen], *chosen: Seen) -> list[Seen]:
    """These requests, and what was answered to them."""
    keys = {(each.message.call_id, each.message.cseq) for each in chosen}
    return [each for each in seen if (each.message.call_id, each.message.cseq) in keys]
