"""Reads capture files by the book, sharing nothing with the platform's writer.

Classic pcap of either byte order and both resolutions, raw IPv4 and IPv6, UDP and TCP; every checksum is
verified by adding words, as RFC 1071 describes it.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """One packet of a capture."""

    time_s: float
    protocol: str
    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    payload: bytes


def read_capture(data: bytes) -> list[Frame]:
    """All frames; anything that is not as it should be is an AssertionError."""
    order, divisor = {
        b"\xd4\xc3\xb2\xa1": ("<", 1e6),
        b"\xa1\xb2\xc3\xd4": (">", 1e6),
        b"\x4d\x3c\xb2\xa1": ("<", 1e9),
    }[data[:4]]
    major, minor, _, _, snap, link = struct.unpack_from(order + "HHiIII", data, 4)
    assert (major, minor, link) == (2, 4, 101)
    frames, at = [], 24
    while at < len(data):
        seconds, fraction, captured, original = struct.unpack_from(order + "IIII", data, at)
        assert captured == original <= snap
        assert fraction < divisor
        frames.append(_frame(seconds + fraction / divisor, data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    assert at == len(data)
    return frames


def _frame(time_s: float, packet: bytes) -> Frame:
    if packet[0] >> 4 == 4:
        assert packet[0] == 0x45
        assert int.from_bytes(packet[2:4]) == len(packet)
        assert _sum(packet[:20]) == 0xFFFF
        protocol, family, ends = packet[9], socket.AF_INET, (packet[12:16], packet[16:20])
        content = packet[20:]
    else:
        assert packet[0] >> 4 == 6
        assert int.from_bytes(packet[4:6]) == len(packet) - 40
        protocol, family, ends = packet[6], socket.AF_INET6, (packet[8:24], packet[24:40])
        content = packet[40:]
    assert _sum(ends[0] + ends[1] + bytes([0, protocol]) + len(content).to_bytes(2) + content) == 0xFFFF
    source, target = (socket.inet_ntop(family, end) for end in ends)
    ports = struct.unpack("!HH", content[:4])
    if protocol == 17:
        assert int.from_bytes(content[4:6]) == len(content)
        kind, sequence, payload = "UDP", 0, content[8:]
    else:
        assert protocol == 6
        kind, sequence, payload = "TCP", int.from_bytes(content[4:8]), content[content[12] >> 4 << 2 :]
    return Frame(time_s, kind, (source, ports[0]), (target, ports[1]), sequence, payload)


def _sum(data: bytes) -> int:
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
