"""RTP packets and their framing. GB-C119, C122, C126."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import (
    MAX_TCP_PACKET,
    MAX_UDP_PAYLOAD,
    MalformedRtp,
    RtpPacket,
    TcpDeframer,
    frame_for_tcp,
    rtp_packetize,
    unwrap_sequence,
    unwrap_timestamp,
)

PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 2**16 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
)
EXAMPLE = bytes.fromhex("8060 0001 000DBBA0 0BEBC201")


def test_header_of_the_reference_is_written_byte_for_byte() -> None:
    """Section 7.1: PT 96, sequence 1, timestamp 900000, y=0200000001."""
    packet = RtpPacket(96, 1, 900_000, 200_000_001, b"")
    assert packet.serialize() == EXAMPLE
    assert RtpPacket.parse(EXAMPLE) == packet


@given(PACKETS)
def test_what_is_written_is_read_back(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialize()) == packet


@given(st.binary(max_size=100))
def test_any_bytes_are_a_packet_or_malformed(data: bytes) -> None:
    try:
        packet = RtpPacket.parse(data)
    except MalformedRtp:
        return
    assert len(packet.payload) <= len(data) - 12


@pytest.mark.parametrize(
    "data", [b"", EXAMPLE[:11], b"\x40" + EXAMPLE[1:], b"\x8f" + EXAMPLE[1:], b"\x90" + EXAMPLE[1:]]
)
def test_short_or_foreign_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedRtp):
        RtpPacket.parse(data)


def test_header_extension_is_skipped_and_must_be_whole() -> None:
    extended = b"\x90" + EXAMPLE[1:] + b"\xbe\xde\x00\x01abcdPAYLOAD"
    assert RtpPacket.parse(extended).payload == b"PAYLOAD"
    with pytest.raises(MalformedRtp, match="header says"):
        RtpPacket.parse(extended[:18])


def test_padding_is_stripped_unless_its_count_is_impossible() -> None:
    padded = b"\xa0" + EXAMPLE[1:]
    assert RtpPacket.parse(padded + b"data\x00\x00\x03").payload == b"data"
    assert RtpPacket.parse(padded + b"data\x63").payload == b"data\x63"
    assert RtpPacket.parse(padded + b"data\x00").payload == b"data\x00"
    assert RtpPacket.parse(padded).payload == b""


@given(size=st.integers(1, 5 * MAX_UDP_PAYLOAD), first=st.integers(0, 2**16 - 1))
def test_frame_is_cut_into_packets_of_one_timestamp_with_the_marker_last(size: int, first: int) -> None:
    """GB-C126."""
    payload = bytes(number % 251 for number in range(size))
    packets = rtp_packetize(payload, sequence=first, timestamp=2**32 + 5, ssrc=7)
    assert b"".join(packet.payload for packet in packets) == payload
    assert max(len(packet.payload) for packet in packets) <= MAX_UDP_PAYLOAD
    assert {packet.timestamp for packet in packets} == {5}
    assert [packet.marker for packet in packets] == [False] * (len(packets) - 1) + [True]
    assert [packet.sequence for packet in packets] == [(first + step) % 2**16 for step in range(len(packets))]


def test_payload_of_exactly_the_limit_is_one_packet() -> None:
    for size, count in ((MAX_UDP_PAYLOAD, 1), (MAX_UDP_PAYLOAD + 1, 2), (0, 0)):
        assert len(rtp_packetize(b"x" * size, sequence=0, timestamp=0, ssrc=1)) == count


def test_tcp_frame_begins_with_its_length() -> None:
    """Section 7.3: 05 78 stands for 1400 bytes."""
    assert frame_for_tcp(b"\x80" * 1400)[:3] == b"\x05\x78\x80"
    assert len(frame_for_tcp(b"x" * MAX_TCP_PACKET)) == MAX_TCP_PACKET + 2
    with pytest.raises(MalformedRtp):
        frame_for_tcp(b"x" * (MAX_TCP_PACKET + 1))


@given(st.lists(PACKETS, max_size=6), st.lists(st.integers(1, 50), min_size=1))
def test_any_cut_of_the_tcp_stream_gives_the_same_packets(packets: list[RtpPacket], cuts: list[int]) -> None:
    """GB-C119."""
    sent = [packet.serialize() for packet in packets]
    stream = b"".join(frame_for_tcp(data) for data in sent)
    deframer, received, at = TcpDeframer(), [], 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        received += deframer.receive_data(stream[at : at + step])
        at += step
    assert received == sent


def test_empty_tcp_frames_are_dropped() -> None:
    assert TcpDeframer().receive_data(b"\x00\x00\x00\x01x") == [b"x"]


@given(st.integers(0, 2**40), st.integers(-(2**31) + 1, 2**31 - 1))
def test_timestamp_is_unwrapped_to_the_nearest(previous: int, step: int) -> None:
    following = previous + step
    assert unwrap_timestamp(previous, following % 2**32) == following


@given(st.integers(0, 2**24), st.integers(-(2**15) + 1, 2**15 - 1))
def test_sequence_is_unwrapped_to_the_nearest(previous: int, step: int) -> None:
    following = previous + step
    assert unwrap_sequence(previous, following % 2**16) == following


def test_jump_of_half_the_range_counts_as_backwards() -> None:
    assert unwrap_timestamp(0, 2**31) == -(2**31)
    for value in (-1, 2**32):
        with pytest.raises(ValueError, match="32 bits"):
            unwrap_timestamp(0, value)
