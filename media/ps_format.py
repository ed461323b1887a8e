"""The units of an MPEG program stream, written one by one.

Source: ISO/IEC 13818-1 sections 2.4.3.6, 2.5.3 and 2.5.4; GB/T 28181-2022 annex C.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.nal import VideoCodec

PACK_START: Final = b"\x00\x00\x01\xba"
SYSTEM_START: Final = b"\x00\x00\x01\xbb"
MAP_START: Final = b"\x00\x00\x01\xbc"
END_CODE: Final = b"\x00\x00\x01\xb9"
VIDEO_STREAM_ID: Final = 0xE0
AUDIO_STREAM_ID: Final = 0xC0
MUX_RATE: Final = 0x1FFF  # units of 50 bytes per second


class AudioCodec(StrEnum):
    G711A = "g711a"
    G711U = "g711u"
    AAC = "aac"


STREAM_TYPES: Final = {
    VideoCodec.H264: 0x1B,
    VideoCodec.H265: 0x24,
    AudioCodec.G711A: 0x90,
    AudioCodec.G711U: 0x91,
    AudioCodec.AAC: 0x0F,
}


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One elementary stream of a program stream map."""

    stream_type: int
    stream_id: int


def pack_header(
    scr_90k: int, scr_extension: int = 0, mux_rate: int = MUX_RATE, stuffing: bytes = b""
) -> bytes:
    """A pack header; ``stuffing`` of up to seven bytes is written as given."""
    rate = mux_rate << 2 | 3
    tail = rate.to_bytes(3) + bytes([0xF8 | len(stuffing)]) + stuffing
    return PACK_START + encode_scr(scr_90k, scr_extension) + tail


def encode_scr(scr_90k: int, scr_extension: int = 0) -> bytes:
    """The six bytes of a system clock reference, of which the lower 33 bits are written."""
    scr = scr_90k & 0x1FFFFFFFF
    coded = 1 << 46 | (scr >> 30) << 43 | 1 << 42 | (scr >> 15 & 0x7FFF) << 27 | 1 << 26
    coded |= (scr & 0x7FFF) << 11 | 1 << 10 | (scr_extension & 0x1FF) << 1 | 1
    return coded.to_bytes(6)


def system_header(has_audio: bool = True, rate_bound: int = MUX_RATE) -> bytes:
    """A system header for one video stream and at most one audio stream."""
    body = (1 << 23 | rate_bound << 1 | 1).to_bytes(3)
    body += bytes([int(has_audio) << 2, 0xE1, 0x7F])
    body += bytes([VIDEO_STREAM_ID]) + (0xC000 | 1 << 13 | 400).to_bytes(2)
    if has_audio:
        body += bytes([AUDIO_STREAM_ID]) + (0xC000 | 32).to_bytes(2)
    return SYSTEM_START + len(body).to_bytes(2) + body


def program_stream_map(entries: Sequence[MapEntry], version: int = 0) -> bytes:
    """A program stream map with the right CRC."""
    streams = b"".join(bytes([entry.stream_type, entry.stream_id, 0, 0]) for entry in entries)
    body = bytes([0xE0 | version & 0x1F, 0xFF]) + b"\x00\x00" + len(streams).to_bytes(2) + streams
    head = MAP_START + (len(body) + 4).to_bytes(2) + body
    return head + mpeg_crc32(head).to_bytes(4)


def pes_packet(
    stream_id: int, payload: bytes, pts_90k: int | None = None, dts_90k: int | None = None
) -> bytes:
    """One PES packet; without ``pts_90k`` it continues the one before.

    Raises:
        ValueError: the payload does not fit the length field.
    """
    stamps = b""
    if pts_90k is not None:
        stamps = encode_timestamp(0b0010 if dts_90k is None else 0b0011, pts_90k)
        stamps += b"" if dts_90k is None else encode_timestamp(0b0001, dts_90k)
    length = 3 + len(stamps) + len(payload)
    if length > 0xFFFF:
        raise ValueError(f"{len(payload)} bytes do not fit one PES packet")
    flags = {0: 0x00, 5: 0x80, 10: 0xC0}[len(stamps)]
    # The alignment bit says that an access unit begins here.
    first = 0x84 if stamps else 0x80
    return (
        struct.pack("!3sBHBBB", b"\x00\x00\x01", stream_id, length, first, flags, len(stamps))
        + stamps
        + payload
    )


def mpeg_crc32(data: bytes) -> int:
    """CRC-32 of MPEG: polynomial 04C11DB7, all ones at the start, nothing reflected or inverted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC_TABLE[crc >> 24 ^ byte]
    return crc


def encode_timestamp(prefix: int, value: int) -> bytes:
    """The five bytes of a PTS (prefix 2, or 3 before a DTS) or DTS (prefix 1), lower 33 bits."""
    stamp = value & 0x1FFFFFFFF
    coded = prefix << 36 | (stamp >> 30) << 33 | 1 << 32 | (stamp >> 15 & 0x7FFF) << 17 | 1 << 16
    return (coded | (stamp & 0x7FFF) << 1 | 1).to_bytes(5)


def _crc_of_byte(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


_CRC_TABLE: Final = tuple(_crc_of_byte(byte) for byte in range(256))
