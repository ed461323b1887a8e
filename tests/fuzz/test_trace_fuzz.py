"""Whatever comes over the wire can be kept, masked, drawn and captured; any import is refused or read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.errors import UnsuitableValue
from sipserver.devices.profiles.exchange import document_of, rows_of
from sipserver.devices.tracing.ladder import as_text, ladder, sessions
from sipserver.sip.flow import Flow, OutgoingPacket, ReceivedPacket, Transport
from sipserver.transport.pcap import PcapWriter, file_head
from sipserver.transport.trace import SipTrace, TracedPacket
from tests.support.capture_reader import read_capture

FLOW = Flow(Transport.UDP, ("192.0.2.10", 5060), ("198.51.100.20", 5060))
SOUND = (
    b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1\r\n"
    b"From: <sip:34020000001320000001@3402000000>;tag=1\r\nTo: <sip:34020000002000000001@3402000000>\r\n"
    b'Call-ID: a@b\r\nCSeq: 1 MESSAGE\r\nAuthorization: Digest response="00"\r\nContent-Length: 90\r\n\r\n'
    b'<?xml version="1.0" encoding="GB2312"?><Notify><CmdType>Keepalive</CmdType><SN>1</SN><Status>OK'
)
damaged = st.builds(
    lambda cut, junk, at: SOUND[: at % len(SOUND)] + junk + SOUND[at % len(SOUND) + cut :],
    st.integers(0, 60),
    st.binary(max_size=30),
    st.integers(0, 600),
)
messages = st.one_of(st.binary(max_size=400), damaged)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(
    st.sampled_from(
        ["manufacturer", "model", "firmware", "facet", "value", "evidence", "learned_time", "pinned"]
    ),
    st.one_of(plain, st.sampled_from(["charset", "UTF-8", "2026-05-01T00:00:00+00:00", "Acme"])),
)


@given(st.lists(st.tuples(st.booleans(), messages), max_size=8))
def test_any_traffic_can_be_traced_and_shown(traffic: list[tuple[bool, bytes]]) -> None:
    trace = SipTrace(100_000, 65_536)
    trace.watch("34020000001320000001", None)
    for is_sent, data in traffic:
        if is_sent:
            trace.sent([OutgoingPacket(data, FLOW)])
        else:
            trace.received([ReceivedPacket(data, FLOW)])
    packets = trace.ring.packets()
    steps = ladder(packets)
    assert len(steps) == len(packets) <= len(traffic)
    assert sum(session.messages for session in sessions(steps)) <= len(steps)
    assert as_text("t", steps, with_messages=True)
    frames = read_capture(file_head() + b"".join(PcapWriter().records(packets)))
    assert [frame.payload for frame in frames] == [packet.data for packet in packets]


@given(messages)
def test_one_step_of_a_ladder_is_one_line(data: bytes) -> None:
    step = ladder([TracedPacket(1.0, False, FLOW, data)])[0]
    assert "\n" not in step.summary
    assert step.size_bytes == len(data)


@given(st.dictionaries(st.sampled_from(["format", "version", "profiles"]), plain), st.lists(rows, max_size=3))
def test_any_document_of_profiles_is_read_or_refused(document: dict[str, Any], inner: list[Any]) -> None:
    for candidate in (document, {**document_of([]), "profiles": inner}, {**document_of([]), **document}):
        try:
            found = rows_of(candidate)
        except UnsuitableValue:
            continue
        assert all(row.learned.learned_time.tzinfo for row in found)
