"""RTP in plain Python: packets, packetising of one frame, and the length prefix of TCP.

The simulator sends with this, and tests hold the native code against it. Nothing here is on the way of a
live picture through the platform.

Source: RFC 3550 section 5.1, RFC 4571 section 2, GB/T 28181-2022 annexes C and D.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

RTP_VERSION: Final = 2
RTP_HEADER_BYTES: Final = 12
PS_PAYLOAD_TYPE: Final = 96
PCMA_PAYLOAD_TYPE: Final = 8
VIDEO_CLOCK_RATE: Final = 90_000
MAX_UDP_PAYLOAD: Final = 1_400
MAX_TCP_PAYLOAD: Final = 65_523
MAX_TCP_PACKET: Final = 65_535

_HEADER: Final = struct.Struct("!BBHII")
_LENGTH: Final = struct.Struct("!H")


class MalformedRtp(ValueError):
    """Bytes that are no RTP packet."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet. Padding is gone, a header extension is skipped, contributing sources are kept."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a packet.

        Raises:
            MalformedRtp: too short, or not version 2.
        """
        if len(data) < RTP_HEADER_BYTES:
            raise MalformedRtp(f"{len(data)} bytes, a header alone has {RTP_HEADER_BYTES}")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if first >> 6 != RTP_VERSION:
            raise MalformedRtp(f"version {first >> 6}, not {RTP_VERSION}")
        csrc_count = first & 0x0F
        start = RTP_HEADER_BYTES + 4 * csrc_count
        if first & 0x10:
            if len(data) < start + 4:
                raise MalformedRtp(f"{len(data)} bytes, the header extension begins at {start}")
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
        if len(data) < start:
            raise MalformedRtp(f"{len(data)} bytes, the header says {start}")
        payload = data[start:]
        # A padding count beyond the payload is a sender's mistake: the bytes are taken as they are.
        if first & 0x20 and payload and 0 < payload[-1] <= len(payload):
            payload = payload[: -payload[-1]]
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=payload,
            marker=bool(second & 0x80),
            csrcs=struct.unpack_from(f"!{csrc_count}I", data, RTP_HEADER_BYTES),
        )

    def serialize(self) -> bytes:
        head = _HEADER.pack(
            RTP_VERSION << 6 | len(self.csrcs),
            self.marker << 7 | self.payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
        )
        return head + struct.pack(f"!{len(self.csrcs)}I", *self.csrcs) + self.payload


def rtp_packetize(
    payload: bytes,
    *,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload_type: int = PS_PAYLOAD_TYPE,
    max_payload: int = MAX_UDP_PAYLOAD,
) -> list[RtpPacket]:
    """Cut one frame into packets: one timestamp for all, the marker on the last (GB-C126).

    Args:
        payload: the frame, for example one program stream pack.
        sequence: of the first packet; the following count up and wrap at 2**16.
        timestamp: in ticks of the stream's clock; only its lower 32 bits are sent.
    """
    starts = range(0, len(payload), max_payload)
    return [
        RtpPacket(
            payload_type=payload_type,
            sequence=(sequence + index) & 0xFFFF,
            timestamp=timestamp & 0xFFFFFFFF,
            ssrc=ssrc,
            payload=payload[start : start + max_payload],
            marker=index == len(starts) - 1,
        )
        for index, start in enumerate(starts)
    ]


def frame_for_tcp(packet: bytes) -> bytes:
    """Put the 16-bit length of RFC 4571 before a packet.

    Raises:
        MalformedRtp: longer than the length field can say.
    """
    if len(packet) > MAX_TCP_PACKET:
        raise MalformedRtp(f"{len(packet)} bytes; RFC 4571 can frame {MAX_TCP_PACKET}")
    return _LENGTH.pack(len(packet)) + packet


class TcpDeframer:
    """Takes RFC 4571 framing apart, wherever TCP cut it. No resynchronisation: that is the native code's."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive_data(self, data: bytes) -> list[bytes]:
        """Whole packets, in order; empty ones are dropped."""
        self._buffer += data
        return [packet for packet in self._take_whole() if packet]

    def _take_whole(self) -> Iterator[bytes]:
        start = 0
        while len(self._buffer) >= start + 2:
            end = start + 2 + int.from_bytes(self._buffer[start : start + 2])
            if len(self._buffer) < end:
                break
            yield bytes(self._buffer[start + 2 : end])
            start = end
        del self._buffer[:start]


def unwrap_timestamp(previous: int, timestamp: int) -> int:
    """Extend a 32-bit RTP timestamp to one that never wraps.

    Args:
        previous: last unwrapped timestamp of this SSRC, in ticks of the stream's clock.
        timestamp: the header field as received, ``0 <= timestamp < 2**32``.

    Returns:
        The unwrapped timestamp nearest to ``previous``. It may be smaller: packets reorder, and
        B-frames go back in time. A jump of exactly 2**31 ticks counts as backwards.

    Raises:
        ValueError: ``timestamp`` does not fit in 32 bits.

    Source: RFC 3550 section 5.1.
    """
    return _unwrap(previous, timestamp, 32)


def unwrap_sequence(previous: int, sequence: int) -> int:
    """The same for a 16-bit sequence number."""
    return _unwrap(previous, sequence, 16)


def _unwrap(previous: int, value: int, bits: int) -> int:
    span = 1 << bits
    if not 0 <= value < span:
        raise ValueError(f"{value} does not fit in {bits} bits")
    forward = (value - previous) % span
    return previous + (forward if forward < span // 2 else forward - span)
