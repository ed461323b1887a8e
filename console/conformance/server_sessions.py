"""How a server opens, controls and ends sessions, read from the messages. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from console.conformance.judgement import (
    Expected,
    Judgement,
    Seen,
    description,
    documents,
    of_call,
    received,
    with_answers,
)
from console.conformance.sdp_check import line_order
from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedMansrtsp
from sipserver.gb.mansrtsp import Control
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.sip.message import SipRequest, SipResponse

SUBJECT: Final = re.compile(r"(\d{20}):([^,:]{1,20}),\s?(\d{20}):([^,:]{1,20})")
SSRC: Final = re.compile(r"(?m)^y=(\d{10})\r?$")


def live(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    return _invited(seen, expected, SessionKind.PLAY, "0")


def playback(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    judgement = _invited(seen, expected, SessionKind.PLAYBACK, "1")
    if judgement is not None:
        _check_times(judgement)
        _check_controls(judgement)
    return judgement


def download(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    judgement = _invited(seen, expected, SessionKind.DOWNLOAD, "1")
    if judgement is not None:
        _check_times(judgement)
        offer = _offer(judgement)
        speed = offer.download_speed if offer is not None else None
        judgement.check(speed is not None, "含 a=downloadspeed", "it has a=downloadspeed", str(speed or ""))
    return judgement


def talk(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    judgement = _invited(seen, expected, SessionKind.TALK, "0")
    if judgement is not None:
        _check_sound(judgement, _offer(judgement))
    return judgement


def broadcast(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    """The notice, then our INVITE and what the server made of it."""
    notices = documents(seen, "Notify", "Broadcast")
    if not notices:
        return None
    each, _, document = notices[0]
    judgement = Judgement(evidence=with_answers(seen, each))
    for name in ("SourceID", "TargetID"):
        text = manscdp.child_text(document.element, name)
        judgement.check(bool(text), f"含 {name}", f"it has {name}", text)
    begun_s = each.packet.time_s
    ours = [
        one
        for one in seen
        if one.is_sent
        and one.packet.time_s >= begun_s
        and isinstance(one.message, SipRequest)
        and one.message.method == "INVITE"
    ]
    if not ours:
        judgement.is_complete = False
        return judgement
    call = of_call(seen, ours[0].message.call_id)
    judgement.evidence += call
    final = _final(call, "INVITE", is_sent=False)
    judgement.is_complete = final is not None and _has_bye(call)
    if final is None:
        judgement.remark("尚未应答INVITE", "our INVITE is not answered yet")
        return judgement
    if judgement.check(final.status == 200, "接受设备的INVITE", "our INVITE is accepted", str(final.status)):
        _check_sound(judgement, description(final))
    return judgement


# ---------------------------------------------------------------- inside


def _invited(
    seen: Sequence[Seen], expected: Expected, kind: SessionKind, first_digit: str
) -> Judgement | None:
    """The first session of a kind: INVITE with its description, ACK, BYE."""
    found = [
        (each, request, offer)
        for each, request in received(seen, "INVITE")
        if (offer := description(request)) is not None and offer.kind == kind
    ]
    if not found:
        return None
    _, request, offer = found[0]
    call = of_call(seen, request.call_id)
    judgement = Judgement(evidence=call, is_complete=_has_bye(call))
    _check_headers(judgement, request, expected, first_digit)
    text = request.body.decode("utf-8", "replace")
    order = line_order(text)
    judgement.check(
        order.is_right, "SDP 行顺序 v o s u c t m a y f", "the lines of the SDP are in order", order.found
    )
    ssrc = SSRC.search(text)
    if kind is not SessionKind.TALK or ssrc is not None:
        right = ssrc is not None and ssrc[1][0] == first_digit
        judgement.check(
            right,
            f"y= 为10位数字且首位为{first_digit}",
            f"y= has ten digits and begins with {first_digit}",
            offer.ssrc or "none",
        )
    _check_end(judgement, call)
    return judgement


def _check_headers(judgement: Judgement, request: SipRequest, expected: Expected, first_digit: str) -> None:
    subject = SUBJECT.fullmatch(request.headers.get("Subject").strip())
    text = request.headers.get("Subject")
    if judgement.check(subject is not None, "Subject 格式", "Subject is ID:sequence,ID:sequence", text):
        assert subject is not None  # noqa: S101 - the line above
        judgement.check(
            subject[1] in expected.device_ids,
            "Subject 首段为媒体源",
            "its first id is the source",
            subject[1],
        )
        if subject[2][0] != first_digit:
            judgement.remark(
                "媒体流序列号首位", f"its sequence does not begin with {first_digit}", subject[2]
            )
    contact = request.headers.get("Contact")
    judgement.check(bool(contact), "含 Contact", "it has Contact", contact)
    kind = request.headers.get("Content-Type")
    judgement.check(
        kind.lower().startswith("application/sdp"), "Content-Type", "Content-Type is APPLICATION/SDP", kind
    )


def _check_end(judgement: Judgement, call: list[Seen]) -> None:
    """ACK without a body after our 200, BYE inside the dialog."""
    final = _final(call, "INVITE", is_sent=True)
    if final is None or final.status >= 300:
        judgement.remark(
            "本设备未接受",
            "the simulated device did not accept it",
            str(final.status if final else "no answer"),
        )
        judgement.is_complete = final is not None
        return
    acks = [request for _, request in received(call, "ACK")]
    if judgement.check(bool(acks), "200后收到ACK", "ACK follows 200"):
        judgement.check(not acks[0].body, "ACK 无消息体", "ACK has no body")
    byes = [request for _, request in received(call, "BYE")]
    if byes:
        judgement.check(
            byes[0].to.tag == final.to.tag, "BYE 在对话内", "BYE is in the dialog", byes[0].to.tag or "no tag"
        )
    elif judgement.is_complete:
        judgement.remark("由设备结束", "the device ended it")
    else:
        judgement.remark("尚未结束", "it was not ended in the time of this run")


def _check_times(judgement: Judgement) -> None:
    offer = _offer(judgement)
    if offer is None:
        return
    judgement.check(offer.uri is not None, "含 u=", "it has u=", offer.uri or "")
    right = 1_000_000_000 < offer.start < offer.stop < 4_000_000_000
    judgement.check(right, "t= 为Unix秒", "t= is in Unix seconds", f"{offer.start} {offer.stop}")


def _check_controls(judgement: Judgement) -> None:
    """INFO with MANSRTSP: each must be readable, in the dialog, with a growing CSeq."""
    infos = [request for _, request in received(judgement.evidence, "INFO")]
    if not infos:
        judgement.remark("未见回放控制", "no INFO was seen: pause, change the speed, drag")
        return
    said = []
    for request in infos:
        try:
            control = Control.parse(request.body)
        except MalformedMansrtsp as error:
            judgement.check(False, "MANSRTSP 消息体", "a MANSRTSP body", str(error))
            continue
        scale = f" Scale {control.scale:g}" if control.scale is not None else ""
        where = f" Range {control.npt}" if control.npt is not None else ""
        said.append(f"{control.method}{scale}{where}")
    judgement.check(bool(said), "回放控制 (MANSRTSP)", "controls by MANSRTSP", "; ".join(said)[:400])
    numbers = [request.cseq.number for request in infos]
    judgement.check(
        numbers == sorted(set(numbers)), "CSeq 递增", "CSeq grows", ", ".join(map(str, numbers[:20]))
    )
    in_dialog = all(request.to.tag for request in infos)
    judgement.check(in_dialog, "INFO 在对话内", "INFO is in the dialog")


def _check_sound(judgement: Judgement, offer: SessionDescription | None) -> None:
    if not judgement.check(offer is not None, "SDP 可读", "the SDP can be read"):
        return
    assert offer is not None  # noqa: S101 - the line above
    judgement.check(offer.media == "audio", "m=audio", "m=audio", offer.media)
    names = ", ".join(str(payload) for payload in offer.payloads)
    has_g711 = any(payload.name in ("PCMA", "PCMU", "PS") for payload in offer.payloads)
    judgement.check(has_g711, "编码为G.711", "G.711, or PS with it", names)


def _offer(judgement: Judgement) -> SessionDescription | None:
    invites = received(judgement.evidence, "INVITE")
    return description(invites[0][1]) if invites else None


def _final(call: list[Seen], method: str, *, is_sent: bool) -> SipResponse | None:
    answers = (each.message for each in call if each.is_sent == is_sent)
    responses = (message for message in answers if isinstance(message, SipResponse))
    return next((each for each in responses if each.cseq.method == method and each.status >= 200), None)


def _has_bye(call: list[Seen]) -> bool:
    return any(isinstance(each.message, SipRequest) and each.message.method == "BYE" for each in call)
