"""What a server's messages say about it: each judge with a good and a bad server."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from console.conformance.judgement import Expected, Judgement, Seen, read_packet
from console.conformance.model import Verdict
from console.conformance.sdp_check import line_order
from console.conformance.server_judges import JUDGES
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Flow, Transport
from sipserver.transport.trace import TracedPacket

SERVER, DEVICE, CHANNEL = "34020000002000000001", "34020000001320000001", "34020000001310000001"
EXPECTED = Expected(frozenset({DEVICE, CHANNEL}), Edition.V3_0)
FLOW = Flow(Transport.UDP, ("192.0.2.2", 5060), ("192.0.2.1", 5060))
OFFER = (
    "v=0|o={server} 0 0 IN IP4 192.0.2.1|s={kind}|{u}c=IN IP4 192.0.2.1|t={t}|m={m}|a=recvonly|"
    "a=rtpmap:{rtpmap}|{a}y={y}|f=v/////a///|"
)


def request(
    method: str,
    body: str = "",
    *,
    call: str = "c1",
    cseq: int = 1,
    to_tag: str = "",
    sent: bool = False,
    **headers: str,
) -> tuple[bool, str]:
    """A message; ``|`` ends a line of the body."""
    text = body.replace("|", "\r\n")
    tag = f";tag={to_tag}" if to_tag else ""
    lines = [
        f"{method} sip:{DEVICE}@3402000000 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1",
        f"From: <sip:{SERVER}@3402000000>;tag=s",
        f"To: <sip:{DEVICE}@3402000000>{tag}",
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(text.encode())}",
    ]
    return sent, "\r\n".join(lines) + "\r\n\r\n" + text


def response(
    status: int,
    method: str,
    body: str = "",
    *,
    call: str = "c1",
    cseq: int = 1,
    sent: bool = True,
    **headers: str,
) -> tuple[bool, str]:
    text = body.replace("|", "\r\n")
    lines = [
        f"SIP/2.0 {status} Reason",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1",
        f"From: <sip:{SERVER}@3402000000>;tag=s",
        f"To: <sip:{DEVICE}@3402000000>;tag=d",
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(text.encode())}",
    ]
    return sent, "\r\n".join(lines) + "\r\n\r\n" + text


def document(root: str, cmd_type: str, inner: str = "", **more: object) -> tuple[bool, str]:
    body = (
        f'<?xml version="1.0"?>|<{root}>|<CmdType>{cmd_type}</CmdType>|<SN>7</SN>|'
        f"<DeviceID>{CHANNEL}</DeviceID>|{inner}</{root}>|"
    )
    return request("MESSAGE", body, Content_Type="Application/MANSCDP+xml", **more)  # type: ignore[arg-type]


def seen(messages: Iterable[tuple[bool, str]]) -> list[Seen]:
    found = []
    for number, (is_sent, text) in enumerate(messages):
        read = read_packet(TracedPacket(float(number), is_sent, FLOW, text.encode()))
        assert read is not None, text
        found.append(read)
    return found


def judge(case_id: str, *messages: tuple[bool, str]) -> Judgement | None:
    return JUDGES[case_id](seen(messages), EXPECTED)


def failures(judgement: Judgement | None) -> list[str]:
    assert judgement is not None
    return [each.words.english for each in judgement.findings if each.verdict is Verdict.FAILED]


def offer(kind: str = "Play", y: str = "0200000001", **changes: str) -> str:
    values = {
        "u": "", "t": "0 0", "m": "video 30000 RTP/AVP 96", "rtpmap": "96 PS/90000", "a": "", **changes
    }  # fmt: skip
    return OFFER.format(server=SERVER, kind=kind, y=y, **values)


def invite(body: str, subject: str = f"{CHANNEL}:0200000001,{SERVER}:0") -> tuple[bool, str]:
    return request(
        "INVITE",
        body,
        Subject=subject,
        Contact=f"<sip:{SERVER}@192.0.2.1:5060>",
        Content_Type="APPLICATION/SDP",
    )


ANSWERED = (response(200, "INVITE", offer()), request("ACK", to_tag="d"))
BYE = request("BYE", cseq=2, to_tag="d")
HISTORY = {"u": f"u={CHANNEL}:0|", "t": "1700000000 1700003600"}


def test_a_live_session_as_the_standard_prints_it() -> None:
    judgement = judge("live-asked", invite(offer()), *ANSWERED, BYE)
    assert judgement is not None
    assert failures(judgement) == []
    assert judgement.is_complete
    assert len(judgement.evidence) == 4


def test_a_live_session_is_judged_when_it_has_ended() -> None:
    judgement = judge("live-asked", invite(offer()), *ANSWERED)
    assert judgement is not None
    assert not judgement.is_complete


@pytest.mark.parametrize(
    ("messages", "failure"),
    [
        ((invite(offer(y="1200000001")), *ANSWERED, BYE), "y= has ten digits and begins with 0"),
        (
            (invite(offer().replace("y=0200000001", "y=1")), *ANSWERED, BYE),
            "y= has ten digits and begins with 0",
        ),
        ((invite(offer(), subject=""), *ANSWERED, BYE), "Subject is ID:sequence,ID:sequence"),
        ((invite(offer(), subject=f"{SERVER}:1,{SERVER}:0"), *ANSWERED, BYE), "its first id is the source"),
        (
            (invite(offer().replace("c=IN IP4 192.0.2.1|", "") + "c=IN IP4 192.0.2.1|"), *ANSWERED, BYE),
            "the lines of the SDP are in order",
        ),
        ((invite(offer()), ANSWERED[0], BYE), "ACK follows 200"),
        (
            (invite(offer()), ANSWERED[0], request("ACK", "v=0|", to_tag="d"), BYE),
            "ACK has no body",
        ),
        ((invite(offer()), *ANSWERED, request("BYE", cseq=2, to_tag="other")), "BYE is in the dialog"),
    ],
)
def test_what_is_wrong_with_a_live_session(messages: tuple[tuple[bool, str], ...], failure: str) -> None:
    assert failure in failures(judge("live-asked", *messages))


def info(body: str, cseq: int) -> tuple[bool, str]:
    return request("INFO", body, cseq=cseq, to_tag="d", Content_Type="Application/MANSRTSP")


def test_a_playback_and_its_controls() -> None:
    body = offer("Playback", "1200000001", **HISTORY)
    pause = info("PAUSE RTSP/1.0|CSeq: 1|PauseTime: now||", 2)
    fast = info("PLAY RTSP/1.0|CSeq: 2|Scale: 2.0||", 3)
    judgement = judge(
        "playback-asked", invite(body), *ANSWERED, pause, fast, request("BYE", cseq=4, to_tag="d")
    )
    assert failures(judgement) == []
    assert judgement is not None
    said = [each.detail for each in judgement.findings if each.words.english == "controls by MANSRTSP"]
    assert said == ["PAUSE; PLAY Scale 2"]


def test_a_playback_with_wrong_times_and_controls() -> None:
    body = offer("Playback", "1200000001", t="3918948800 3918952400")
    broken = info("FASTER PLEASE|", 2)
    again = info("PAUSE RTSP/1.0|CSeq: 1|PauseTime: now||", 1)
    found = failures(judge("playback-asked", invite(body), *ANSWERED, broken, again, BYE))
    assert {"it has u=", "a MANSRTSP body", "CSeq grows"} <= set(found)


def test_a_download_states_its_speed() -> None:
    good = offer("Download", "1200000001", a="a=downloadspeed:4|", **HISTORY)
    assert failures(judge("download-asked", invite(good), *ANSWERED, BYE)) == []
    bad = offer("Download", "1200000001", **HISTORY)
    assert failures(judge("download-asked", invite(bad), *ANSWERED, BYE)) == ["it has a=downloadspeed"]


SOUND = {"m": "audio 30000 RTP/AVP 8", "rtpmap": "8 PCMA/8000"}


def test_talk_is_sound_in_g711() -> None:
    assert failures(judge("talk-asked", invite(offer("Talk", **SOUND)), *ANSWERED, BYE)) == []
    assert "m=audio" in failures(judge("talk-asked", invite(offer("Talk")), *ANSWERED, BYE))


def test_a_broadcast_is_followed_by_the_acceptance_of_our_invite() -> None:
    notice = document("Notify", "Broadcast", f"<SourceID>{SERVER}</SourceID>|<TargetID>{CHANNEL}</TargetID>|")
    ours = request("INVITE", offer(**SOUND), call="ours", sent=True)
    answer = response(200, "INVITE", offer(**SOUND), call="ours", sent=False)
    judgement = judge("broadcast-asked", notice, ours, answer, request("BYE", call="ours", cseq=2))
    assert failures(judgement) == []
    assert judgement is not None
    assert judgement.is_complete
    refused = response(488, "INVITE", call="ours", sent=False)
    assert "our INVITE is accepted" in failures(judge("broadcast-asked", notice, ours, refused))
    early = judge("broadcast-asked", notice)
    assert early is not None
    assert not early.is_complete


def ptz(frame: str, cseq: int = 1) -> tuple[bool, str]:
    return document("Control", "DeviceControl", f"<PTZCmd>{frame}</PTZCmd>|", call=f"p{frame}{cseq}")


def test_ptz_frames_and_the_stop_that_must_follow() -> None:
    left, stop = "A50F01021F0000D6", "A50F0100000000B5"
    moving = judge("ptz-asked", ptz(left))
    assert moving is not None
    assert (moving.is_complete, failures(moving)) == (False, ["the movement was stopped"])
    stopped = judge("ptz-asked", ptz(left), ptz(stop))
    assert stopped is not None
    assert (stopped.is_complete, failures(stopped)) == (True, [])
    assert "a frame and its checksum" in failures(judge("ptz-asked", ptz("A50F01021F0000FF")))


def test_a_record_query_names_times_and_type() -> None:
    inner = "<StartTime>2026-01-01T00:00:00</StartTime>|<EndTime>2026-01-02T00:00:00</EndTime>|{}"
    good = document("Query", "RecordInfo", inner.format("<Type>all</Type>|"))
    assert failures(judge("records-asked", good)) == []
    bad = document("Query", "RecordInfo", inner.format("").replace("2026-01-01T00:00:00<", "20260101<"))
    found = failures(judge("records-asked", bad))
    assert found == [
        "StartTime is local time, YYYY-MM-DDThh:mm:ss",
        "it has Type: some recorders find nothing without",
    ]


def test_the_spelling_of_the_key_frame_command_follows_the_edition() -> None:
    new = document("Control", "DeviceControl", "<IFrameCmd>Send</IFrameCmd>|")
    old = document("Control", "DeviceControl", "<IFameCmd>Send</IFameCmd>|")
    assert failures(judge("keyframe-asked", new)) == []
    assert failures(judge("keyframe-asked", old)) == ["its spelling is that of the edition"]


def subscribe(cseq: int, *, to_tag: str = "", expires: str = "600", **headers: str) -> tuple[bool, str]:
    body = f"<Query>|<CmdType>Catalog</CmdType>|<SN>1</SN>|<DeviceID>{DEVICE}</DeviceID>|</Query>|"
    fixed = {"Event": "Catalog;id=1", "Contact": f"<sip:{SERVER}@192.0.2.1>", "Expires": expires, **headers}
    return request("SUBSCRIBE", body, call="s", cseq=cseq, to_tag=to_tag, **fixed)


def test_a_subscription_is_refreshed_in_its_dialog() -> None:
    first = judge("subscription-asked", subscribe(1))
    assert first is not None
    assert (first.is_complete, failures(first)) == (False, [])
    good = judge("subscription-asked", subscribe(1), subscribe(2, to_tag="d"))
    assert good is not None
    assert (good.is_complete, failures(good)) == (True, [])
    bad = judge("subscription-asked", subscribe(1), subscribe(2))
    assert failures(bad) == ["refresh in the dialog, with a higher CSeq"]


def test_snapshots_need_a_session_id_of_the_right_length() -> None:
    block = "<SnapShotConfig>|<SnapNum>1</SnapNum>|<UploadURL>http://x/</UploadURL>|<SessionID>{}</SessionID>|</SnapShotConfig>|"
    good = document("Control", "DeviceConfig", block.format("a" * 32))
    assert failures(judge("snapshot-asked", good)) == []
    bad = document("Control", "DeviceConfig", block.format("a" * 8))
    assert failures(judge("snapshot-asked", bad)) == ["SessionID has 32 to 128 characters"]


def test_a_redirection_names_the_other_server() -> None:
    register = request("REGISTER", call="r", sent=True)
    contact = f"<sip:{SERVER}@192.0.2.9:5060>"
    good = response(302, "REGISTER", call="r", sent=False, Contact=contact, Expires="3600")
    assert failures(judge("redirected", register, good)) == []
    bad = response(302, "REGISTER", call="r", sent=False, Contact="<sip:192.0.2.9>")
    assert failures(judge("redirected", register, bad)) == ["Contact names a server", "it has Expires"]


def test_a_question_about_another_device_is_no_good_question() -> None:
    alien = document("Query", "Catalog")[1].replace(CHANNEL, SERVER)
    assert failures(judge("catalog-asked", (False, alien))) == ["DeviceID is ours"]


@pytest.mark.parametrize("case_id", sorted(JUDGES))
def test_without_a_message_nothing_is_judged(case_id: str) -> None:
    assert judge(case_id) is None
    assert judge(case_id, request("OPTIONS")) is None


@pytest.mark.parametrize(
    ("letters", "is_right"),
    [
        ("vosctmayf", True),
        ("vosuctmaaayf", True),
        ("voscmatyf", False),
        ("vosctmayfz", False),
        ("vosctmaya", False),
    ],
)
def test_the_order_of_lines(letters: str, is_right: bool) -> None:
    text = "\r\n".join(f"{letter}=x" for letter in letters)
    assert line_order(text).is_right is is_right
