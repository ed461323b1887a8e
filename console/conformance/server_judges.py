"""What a server's operator has to cause, read from the messages: one judge for each case. Pure.

A judge returns None as long as it has seen nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from console.conformance.judgement import (
    Expected,
    Judgement,
    Seen,
    documents,
    received,
    with_answers,
)
from console.conformance.server_sessions import broadcast, download, live, playback, talk
from sipserver.gb import manscdp
from sipserver.gb.editions import keyframe_commands
from sipserver.gb.errors import MalformedDocument, MalformedPtz
from sipserver.gb.manscdp import Document
from sipserver.gb.ptz import STOP, Auxiliary, FocusIris, Move, read_instruction
from sipserver.gb.ptz_frame import PtzFrame
from sipserver.gb.session_ids import is_session_id
from sipserver.sip.message import SipRequest, SipResponse

Judge = Callable[[Sequence[Seen], Expected], Judgement | None]

EVIDENCE_MAX: Final = 6
TIME_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def catalog(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    return _query(seen, expected, "Catalog")


def info(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    return _query(seen, expected, "DeviceInfo", "DeviceStatus")


def config(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    judgement = _query(seen, expected, "ConfigDownload")
    if judgement is not None:
        document = documents(seen, "Query", "ConfigDownload")[0][2]
        name = manscdp.child_text(document.element, "ConfigType")
        judgement.check(bool(name), "含 ConfigType", "it has ConfigType", name)
    return judgement


def records(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    judgement = _query(seen, expected, "RecordInfo")
    if judgement is not None:
        element = documents(seen, "Query", "RecordInfo")[0][2].element
        for name in ("StartTime", "EndTime"):
            text = manscdp.child_text(element, name)
            right = TIME_FORM.fullmatch(text) is not None
            judgement.check(right, f"{name} 格式", f"{name} is local time, YYYY-MM-DDThh:mm:ss", text)
        kind = manscdp.child_text(element, "Type")
        judgement.check(bool(kind), "含 Type", "it has Type: some recorders find nothing without", kind)
    return judgement


def keyframe(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    found = _controls(seen, "IFrameCmd", "IFameCmd")
    if not found:
        return None
    judgement = _of_message(seen, expected, *found[0])
    names = keyframe_commands(expected.edition)
    used = next(name for name in ("IFrameCmd", "IFameCmd") if manscdp.child_text(found[0][2].element, name))
    judgement.check(used in names, "拼写符合版本", "its spelling is that of the edition", used)
    return judgement


def ptz(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    """Every frame must be right, and a movement must be followed by a stop."""
    found = _controls(seen, "PTZCmd")
    if not found:
        return None
    judgement = _of_message(seen, expected, *found[0])
    judgement.evidence = with_answers(seen, *(each for each, _, _ in found[:EVIDENCE_MAX]))
    is_moving = has_moved = False
    texts = []
    for _, _, document in found:
        text = manscdp.child_text(document.element, "PTZCmd")
        texts.append(text)
        try:
            instruction = read_instruction(PtzFrame.parse(text, strict=True))
        except MalformedPtz as error:
            judgement.check(False, "指令码及校验", "a frame and its checksum", str(error))
            continue
        if isinstance(instruction, Move | FocusIris):
            is_moving = (
                instruction.is_motion if isinstance(instruction, Move) else is_moving or instruction.is_motion
            )
            is_moving = is_moving and instruction != STOP
            has_moved = has_moved or is_moving
        elif not isinstance(instruction, Auxiliary):
            has_moved = True
    judgement.check(True, "收到指令", "frames came", ", ".join(texts[:EVIDENCE_MAX]))
    judgement.check(not is_moving, "运动后停止", "the movement was stopped")
    judgement.is_complete = has_moved and not is_moving
    return judgement


def guard(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    found = _controls(seen, "GuardCmd", "RecordCmd")
    if not found:
        return None
    judgement = _of_message(seen, expected, *found[0])
    element = found[0][2].element
    text = manscdp.child_text(element, "GuardCmd") or manscdp.child_text(element, "RecordCmd")
    right = text in {"SetGuard", "ResetGuard", "Record", "StopRecord"}
    judgement.check(right, "命令取值", "the command is one of the standard", text)
    return judgement


def snapshot(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    for each, request, document in documents(seen, "Control", "DeviceConfig"):
        block = manscdp.child(document.element, "SnapShotConfig")
        if block is None:
            continue
        judgement = _of_message(seen, expected, each, request, document)
        session_id = manscdp.child_text(block, "SessionID")
        judgement.check(
            is_session_id(session_id),
            "SessionID 为32至128位",
            "SessionID has 32 to 128 characters",
            session_id,
        )
        url = manscdp.child_text(block, "UploadURL")
        judgement.check(bool(url), "含 UploadURL", "it has UploadURL", url)
        return judgement
    return None


def subscription(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    """The first SUBSCRIBE, and whether what follows stays in its dialog."""
    requests = received(seen, "SUBSCRIBE")
    if not requests:
        return None
    call_id = requests[0][1].call_id
    own = [(each, request) for each, request in requests if request.call_id == call_id]
    first = own[0][1]
    judgement = Judgement(evidence=[each for each in seen if each.message.call_id == call_id])
    for name in ("Event", "Expires", "Contact"):
        text = first.headers.get(name)
        judgement.check(bool(text), f"含 {name}", f"it has {name}", text)
    try:
        document = manscdp.parse_document(first.body)
    except MalformedDocument as error:
        judgement.check(False, "消息体为查询", "its body is a query", str(error))
    else:
        judgement.check(
            document.root == "Query",
            "消息体为查询",
            "its body is a query",
            f"{document.root} {document.cmd_type}",
        )
    for _, request in own[1:]:
        right = request.to.tag is not None and request.cseq.number > first.cseq.number
        kind = "cancel" if request.headers.get("Expires") == "0" else "refresh"
        judgement.check(
            right,
            "对话内，CSeq递增",
            f"{kind} in the dialog, with a higher CSeq",
            f"CSeq {request.cseq.number}, to-tag {request.to.tag or 'none'}",
        )
    answered = [
        each.message
        for each in judgement.evidence
        if not each.is_sent and isinstance(each.message, SipResponse) and each.message.cseq.method == "NOTIFY"
    ]
    if answered:
        bad = [str(message.status) for message in answered if message.status != 200]
        judgement.check(not bad, "NOTIFY 得到200", "NOTIFY is answered 200", ", ".join(bad))
    judgement.is_complete = len(own) > 1
    if not judgement.is_complete:
        judgement.remark("未见刷新", "no refresh was seen in the time of this run")
    return judgement


def redirected(seen: Sequence[Seen], expected: Expected) -> Judgement | None:
    answers = [
        each
        for each in seen
        if not each.is_sent
        and isinstance(each.message, SipResponse)
        and each.message.cseq.method == "REGISTER"
        and each.message.status == 302
    ]
    if not answers:
        return None
    headers = answers[0].message.headers
    judgement = Judgement(evidence=with_answers(seen, answers[0]))
    contact = headers.get("Contact")
    right = re.search(r"sip:\d{20}@[^\s>]+", contact) is not None
    judgement.check(right, "Contact 为 sip:编码@地址", "Contact names a server", contact)
    judgement.check(bool(headers.get("Expires")), "含 Expires", "it has Expires", headers.get("Expires"))
    return judgement


JUDGES: Final[Mapping[str, Judge]] = {
    "catalog-asked": catalog,
    "info-asked": info,
    "live-asked": live,
    "keyframe-asked": keyframe,
    "ptz-asked": ptz,
    "records-asked": records,
    "playback-asked": playback,
    "download-asked": download,
    "broadcast-asked": broadcast,
    "talk-asked": talk,
    "guard-asked": guard,
    "config-asked": config,
    "subscription-asked": subscription,
    "snapshot-asked": snapshot,
    "redirected": redirected,
}


# ---------------------------------------------------------------- inside


def _query(seen: Sequence[Seen], expected: Expected, *cmd_types: str) -> Judgement | None:
    found = documents(seen, "Query", *cmd_types)
    return _of_message(seen, expected, *found[0]) if found else None


def _controls(seen: Sequence[Seen], *names: str) -> list[tuple[Seen, SipRequest, Document]]:
    return [
        (each, request, document)
        for each, request, document in documents(seen, "Control", "DeviceControl")
        if any(manscdp.child_text(document.element, name) for name in names)
    ]


def _of_message(
    seen: Sequence[Seen], expected: Expected, each: Seen, request: SipRequest, document: Document
) -> Judgement:
    """What every document must have: SN, an id of ours, the content type."""
    judgement = Judgement(evidence=with_answers(seen, each))
    target = manscdp.child_text(document.element, "DeviceID")
    judgement.check(target in expected.device_ids, "DeviceID 属于本设备", "DeviceID is ours", target)
    judgement.check(bool(document.sn), "含 SN", "it has SN", document.sn)
    content_type = request.headers.get("Content-Type")
    is_right = content_type.partition(";")[0].strip().lower() == "application/manscdp+xml"
    judgement.check(is_right, "Content-Type", "Content-Type is Application/MANSCDP+xml", content_type)
    return judgement
