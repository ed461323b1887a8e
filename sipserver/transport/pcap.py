"""Writes packets as a capture file that Wireshark and tcpdump read.

What was seen were SIP messages, not frames: each gets the IP and UDP or TCP header that it had or, over a
stream, could have had. Streams get sequence numbers that follow one another, so that readers join them.

Source: draft-ietf-opsawg-pcap (classic format, microseconds), link type 101 (raw IP); RFC 791, 8200, 768,
9293.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address
from typing import Final

from sipserver.sip.flow import Flow, Transport
from sipserver.transport.trace import TracedPacket

MAGIC: Final = 0xA1B2C3D4
LINK_TYPE_RAW_IP: Final = 101
SNAP_BYTES: Final = 262_144
MAX_SEGMENT_BYTES: Final = 32_768
_MAX_UDP_BYTES: Final = 65_507
_TTL: Final = 64
_UDP: Final = 17
_TCP: Final = 6
_PUSH_AND_ACK: Final = 0x18
_WINDOW: Final = 65_535

_FILE_HEAD: Final = struct.Struct("<IHHiIII")
_RECORD_HEAD: Final = struct.Struct("<IIII")


def file_head() -> bytes:
    """The first 24 bytes."""
    return _FILE_HEAD.pack(MAGIC, 2, 4, 0, 0, SNAP_BYTES, LINK_TYPE_RAW_IP)


class PcapWriter:
    """Turns packets into records; remembers how far each stream has come.

    A file may begin anywhere in a stream, so the first number of each direction is 1.
    """

    def __init__(self) -> None:
        self._next: dict[tuple[Flow, bool], int] = {}

    def records(self, packets: Iterable[TracedPacket]) -> Iterator[bytes]:
        for packet in packets:
            for frame in self._frames(packet):
                yield _record(packet.time_s, frame)

    def _frames(self, packet: TracedPacket) -> Iterator[bytes]:
        flow = packet.flow
        source, target = (flow.local, flow.remote) if packet.is_sent else (flow.remote, flow.local)
        data = packet.data
        if flow.transport is Transport.UDP:
            yield _ip(source[0], target[0], _UDP, _udp(source[1], target[1], data[:_MAX_UDP_BYTES]))
            return
        for start in range(0, len(data), MAX_SEGMENT_BYTES):
            piece = data[start : start + MAX_SEGMENT_BYTES]
            yield _ip(source[0], target[0], _TCP, self._tcp(packet, source[1], target[1], piece))

    def _tcp(self, packet: TracedPacket, source: int, target: int, data: bytes) -> bytes:
        key, back = (packet.flow, packet.is_sent), (packet.flow, not packet.is_sent)
        sequence = self._next.get(key, 1)
        self._next[key] = (sequence + len(data)) & 0xFFFFFFFF
        acknowledged = self._next.get(back, 1)
        head = struct.pack(
            "!HHIIBBHHH", source, target, sequence, acknowledged, 5 << 4, _PUSH_AND_ACK, _WINDOW, 0, 0
        )
        return head + data


def _record(time_s: float, frame: bytes) -> bytes:
    seconds, microseconds = divmod(round(time_s * 1_000_000), 1_000_000)
    return _RECORD_HEAD.pack(seconds & 0xFFFFFFFF, microseconds, len(frame), len(frame)) + frame


def _udp(source: int, target: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", source, target, 8 + len(data), 0) + data


def _ip(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    first, second = (ip_address(host.partition("%")[0] or "0.0.0.0") for host in (source, target))  # noqa: S104
    payload = _with_checksum(first.packed, second.packed, protocol, payload)
    if isinstance(first, IPv4Address) and isinstance(second, IPv4Address):
        length = 20 + len(payload)
        head = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, _TTL, protocol, 0, first.packed, second.packed
        )
        return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + payload
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, _TTL)
    return head + _sixteen(first.packed) + _sixteen(second.packed) + payload


def _with_checksum(source: bytes, target: bytes, protocol: int, payload: bytes) -> bytes:
    """Over the pseudo header; in UDP an outcome of zero is written as all ones (RFC 768)."""
    pseudo = source + target + struct.pack("!II", len(payload), protocol)
    found = _checksum(pseudo + payload)
    at = 6 if protocol == _UDP else 16
    if protocol == _UDP and found == 0:
        found = 0xFFFF
    return payload[:at] + struct.pack("!H", found) + payload[at + 2 :]


def _checksum(data: bytes) -> int:
    """The ones' complement of the ones' complement sum of 16-bit words: the remainder by 65535."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data) % 0xFFFF
    return ~total & 0xFFFF


def _sixteen(packed: bytes) -> bytes:
    return packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed
