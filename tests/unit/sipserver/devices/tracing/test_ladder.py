"""Packets as steps of a ladder."""

from __future__ import annotations

from sipserver.devices.tracing.ladder import as_text, ladder, sessions
from sipserver.devices.tracing.trace import _selected
from sipserver.sip.flow import Flow, Transport
from sipserver.transport.trace import TracedPacket

FLOW = Flow(Transport.UDP, ("192.0.2.10", 5060), ("198.51.100.20", 5060))
STRANGER = Flow(Transport.UDP, ("192.0.2.10", 5060), ("203.0.113.5", 1024))
PLATFORM, DEVICE, CHANNEL = "34020000002000000001", "34020000001320000001", "34020000001310000001"


def _message(start: str, to: str, body: bytes = b"", call_id: str = "c1", cseq: str = "1 INVITE") -> bytes:
    head = (
        f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1\r\nFrom: <sip:{PLATFORM}@x>;tag=1\r\n"
        f"To: <sip:{to}@x>\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


OFFER = b"v=0\r\no=- 0 0 IN IP4 192.0.2.11\r\ns=Play\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n" \
    b"m=video 30002 TCP/RTP/AVP 96\r\na=setup:passive\r\ny=0200000001\r\n"  # fmt: skip
INVITE = TracedPacket(1714521600.0, True, FLOW, _message(f"INVITE sip:{CHANNEL}@x SIP/2.0", CHANNEL, OFFER))
ANSWER = TracedPacket(1714521600.25, False, FLOW, _message("SIP/2.0 486 Busy Here", CHANNEL))
CATALOG = TracedPacket(
    1714521601.0,
    True,
    FLOW,
    _message(
        f"MESSAGE sip:{DEVICE}@x SIP/2.0",
        DEVICE,
        "<?xml version='1.0'?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\r\n<SN> 17 </SN>\r\n"
        f"<DeviceID>{DEVICE}</DeviceID><Password>hunter2</Password><Name>东门</Name></Query>".encode(
            "gb18030"
        ),
        "c2",
        "1 MESSAGE",
    ),
)
JUNK = TracedPacket(1714521602.0, False, STRANGER, b"\x16\x03\x01 not sip \xff")


def test_a_request_an_answer_a_document_and_junk() -> None:
    invite, answer, catalog, junk = ladder([INVITE, ANSWER, CATALOG, JUNK])
    assert (invite.what, invite.method, invite.status, invite.is_sent) == ("INVITE", "INVITE", None, True)
    assert (invite.from_id, invite.to_id, invite.cseq) == (PLATFORM, CHANNEL, 1)
    assert invite.summary == "Play, video 30002 TCP/RTP/AVP 96, at 192.0.2.11, setup passive, y 0200000001"
    assert (answer.what, answer.method, answer.status) == ("486 Busy Here", "INVITE", 486)
    assert catalog.summary == f"Query Catalog SN 17 DeviceID {DEVICE}"
    assert "东门" in catalog.text
    assert "hunter2" not in catalog.text
    assert (junk.what, junk.call_id, junk.cseq) == ("unreadable", "", None)
    assert junk.summary


def test_the_page_for_a_ticket() -> None:
    page = as_text("SIP trace of device X", ladder([INVITE, ANSWER]), with_messages=True)
    lines = page.splitlines()
    assert lines[0] == "SIP trace of device X"
    assert lines[3].startswith("2024-05-01 08:00:00.000  --INVITE----")
    assert lines[4].startswith("2024-05-01 08:00:00.250  <-486 Busy Here-")
    assert "m=video 30002 TCP/RTP/AVP 96" in lines
    assert "m=video" not in as_text("t", ladder([INVITE]), with_messages=False).replace("video 30002", "")


def test_sessions_are_told_apart_by_their_call_id() -> None:
    call, query = sessions(ladder([INVITE, CATALOG, ANSWER, JUNK]))
    assert (call.call_id, call.method, call.messages, call.last_status) == ("c1", "INVITE", 2, 486)
    assert (query.call_id, query.messages, query.last_status) == ("c2", 1, None)


def test_a_device_s_packets_are_those_that_name_it_and_those_of_its_addresses() -> None:
    said = TracedPacket(1.0, False, FLOW, f"REGISTER\r\nFrom: <sip:{DEVICE}@x>".encode())
    packets = [said, INVITE, JUNK]
    assert _selected(packets, DEVICE, None, None, 10) == [said, INVITE]
    assert _selected([INVITE, JUNK], DEVICE, FLOW.remote, None, 10) == [INVITE]
    assert _selected([INVITE, CATALOG, ANSWER], None, None, "c1", 10) == [INVITE, ANSWER]
    assert _selected([INVITE, CATALOG, ANSWER], DEVICE, FLOW.remote, "c2", 10) == [CATALOG]
    assert _selected([INVITE, CATALOG], None, None, "c", 10) == []
    assert _selected([INVITE, CATALOG, ANSWER], None, None, None, 1) == [ANSWER]
