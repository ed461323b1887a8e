"""Capture files, read back by a reader that shares nothing with the writer."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.flow import Flow, Transport
from sipserver.transport.pcap import MAX_SEGMENT_BYTES, PcapWriter, file_head
from sipserver.transport.trace import TracedPacket
from tests.support.capture_reader import read_capture

UDP = Flow(Transport.UDP, ("192.0.2.10", 5060), ("198.51.100.20", 15060))
UDP6 = Flow(Transport.UDP, ("2001:db8::1", 5060), ("fe80::2%eth0", 15060))
TCP = Flow(Transport.TCP, ("192.0.2.10", 5060), ("198.51.100.20", 40000), 7)


def _capture(*packets: TracedPacket) -> bytes:
    return file_head() + b"".join(PcapWriter().records(packets))


def test_the_first_bytes_are_those_of_the_format() -> None:
    """Classic pcap 2.4, microseconds, link type 101, as ``file`` names it."""
    assert file_head() == bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000")


def test_a_datagram_by_the_bytes() -> None:
    capture = _capture(TracedPacket(1.5, True, UDP, b"hi"))
    assert capture[24:40] == struct.pack("<IIII", 1, 500_000, 30, 30)
    # Both checksums are added up by hand.
    assert capture[40:] == bytes.fromhex(
        "4500001e 00000000 4011 8e7d c000020a c6336414 13c4 3ad4 000a 5c86 6869"
    )


@given(
    st.lists(
        st.tuples(st.sampled_from([UDP, UDP6, TCP]), st.booleans(), st.binary(max_size=300)), max_size=12
    )
)
def test_what_is_written_is_read_again(rows: list[tuple[Flow, bool, bytes]]) -> None:
    packets = [TracedPacket(1e9 + number, is_sent, *row) for number, (flow, is_sent, data) in enumerate(rows)
               for row in [(flow, data)]]  # fmt: skip
    frames = read_capture(_capture(*packets))
    shown = [packet for packet in packets if packet.data or packet.flow.transport is Transport.UDP]
    assert [frame.payload for frame in frames] == [packet.data for packet in shown]
    for frame, packet in zip(frames, shown, strict=True):
        flow = packet.flow
        ends = (flow.local, flow.remote) if packet.is_sent else (flow.remote, flow.local)
        plain = tuple((host.partition("%")[0], port) for host, port in ends)
        assert (frame.source, frame.target) == plain
        assert frame.time_s == packet.time_s


def test_a_stream_is_cut_and_its_numbers_follow_one_another() -> None:
    large = bytes(range(256)) * 500
    frames = read_capture(
        _capture(
            TracedPacket(1.0, False, TCP, b"REGISTER"),
            TracedPacket(2.0, True, TCP, large),
            TracedPacket(3.0, False, TCP, b"ACK"),
        )
    )
    assert [frame.sequence for frame in frames if frame.source[1] == 40000] == [1, 9]
    ours = [frame for frame in frames if frame.source[1] == 5060]
    assert b"".join(frame.payload for frame in ours) == large
    assert [frame.sequence for frame in ours] == [1 + at for at in range(0, len(large), MAX_SEGMENT_BYTES)]


def test_a_datagram_too_large_for_udp_is_cut_off_and_the_file_stays_readable() -> None:
    frames = read_capture(_capture(TracedPacket(1.0, False, UDP, bytes(70_000))))
    assert len(frames[0].payload) == 65_507
