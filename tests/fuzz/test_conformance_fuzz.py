"""Messages of a broken server: judged or passed over, never a crash; and a page that stays a page."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.conformance.device_queries import read_answers
from console.conformance.judgement import Expected, read_packet
from console.conformance.server_judges import JUDGES
from sipserver.devices.tracing.ladder import ladder
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Flow, Transport
from sipserver.transport.trace import TracedPacket

SERVER, DEVICE = "34020000002000000001", "34020000001320000001"
EXPECTED = Expected(frozenset({DEVICE}), Edition.V3_0)
FLOW = Flow(Transport.UDP, ("192.0.2.2", 5060), ("192.0.2.1", 5060))
HEAD = (
    "{0} sip:{1}@3402000000 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{3}\r\n"
    "From: <sip:{2}@3402000000>;tag=s\r\nTo: <sip:{1}@3402000000>;tag=d\r\nCall-ID: c\r\nCSeq: {3} {0}\r\n"
    "Subject: {1}:0200000001,{2}:0\r\nContact: <sip:{2}@192.0.2.1>\r\nEvent: presence\r\nExpires: 60\r\n"
    "Content-Type: application/sdp\r\nContent-Length: {4}\r\n\r\n"
)
BODIES = (
    "<Query><CmdType>RecordInfo</CmdType><SN>1</SN><DeviceID>{0}</DeviceID><Type>all</Type></Query>",
    "<Control><CmdType>DeviceControl</CmdType><SN>1</SN><PTZCmd>A50F01021F0000D6</PTZCmd></Control>",
    "<Control><CmdType>DeviceConfig</CmdType><SnapShotConfig><SessionID>a</SessionID></SnapShotConfig></Control>",
    "<Notify><CmdType>Broadcast</CmdType><SN>1</SN><SourceID>{0}</SourceID><TargetID>{0}</TargetID></Notify>",
    "<Response><CmdType>Catalog</CmdType><SN>1</SN><SumNum>2</SumNum><DeviceList Num='1'/></Response>",
    "v=0\r\ns=Playback\r\nc=IN IP4 1.2.3.4\r\nt=1 2\r\nm=video 9 RTP/AVP 96\r\ny=0200000001\r\n",
    "v=0\r\ns=Talk\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
    "PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 2.0\r\nRange: npt=1-\r\n\r\n",
)
METHODS = ("MESSAGE", "INVITE", "ACK", "INFO", "BYE", "SUBSCRIBE", "REGISTER")


def packets_of(seed: int) -> list[TracedPacket]:
    chance = random.Random(seed)
    found = []
    for number in range(1, 30):
        method = chance.choice(METHODS)
        body = chance.choice(BODIES).format(DEVICE)
        if chance.random() < 0.5:
            at = chance.randrange(len(body))
            body = body[:at] + chance.choice(["", "\x00", "<", "&", "9" * 40, "\u6d4b"]) + body[at + 3 :]
        data = (HEAD.format(method, DEVICE, SERVER, number, len(body.encode())) + body).encode()
        if chance.random() < 0.2:
            data = f"SIP/2.0 {chance.choice([200, 302, 486])} X\r\n".encode() + data.split(b"\r\n", 1)[1]
        if chance.random() < 0.1:
            data = data[: chance.randrange(len(data))]
        found.append(TracedPacket(float(number), chance.random() < 0.3, FLOW, data))
    return found


@given(st.integers(0, 2**32))
def test_a_broken_server_is_judged_or_passed_over(seed: int) -> None:
    packets = packets_of(seed)
    seen = [read for packet in packets if (read := read_packet(packet)) is not None]
    for judge in JUDGES.values():
        judge(seen, EXPECTED)
    for answer in read_answers(ladder(packets)):
        assert answer.fragments >= 1


@pytest.mark.parametrize("junk", [b"", b"\x00" * 40, b"SIP/2.0 200 OK\r\n\r\n", b"\xff" * 300])
def test_what_is_no_sip_is_not_seen(junk: bytes) -> None:
    assert read_packet(TracedPacket(0.0, False, FLOW, junk)) is None
