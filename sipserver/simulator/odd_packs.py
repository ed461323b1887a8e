"""Program streams as some devices pack them: one pack in, the same pictures in another shape out.

Done before the pack is cut into RTP packets, so whole loops are still packetised once. ``faults.py`` says
which fault is which.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final

from media.ps_format import AUDIO_STREAM_ID, MAP_START, VIDEO_STREAM_ID, pes_packet
from media.rtp import MAX_UDP_PAYLOAD
from sipserver.simulator.transport_stream import TransportStream

PackFault = Callable[[bytes], bytes]
"""Changes one pack. It keeps the pack header at the start, or leaves no program stream at all."""

_HEADER_BYTES: Final = 14
_PES_HEAD: Final = 9
_PADDING_ID: Final = 0xBE
_UNIT_HEAD: Final = 6
# In a program stream map: the length of all entries, and the type of the first.
_MAP_ENTRIES_AT: Final = 10
_MAP_TYPE_AT: Final = 12
_OTHER_TYPE: Final = {0x1B: 0x24, 0x24: 0x1B}
_NAL_START: Final = re.compile(b"(?=\x00\x00\x00\x01|(?<!\x00)\x00\x00\x01)")


def units(pack: bytes) -> Iterator[bytes]:
    """What follows the pack header, one unit with start code and length after the other."""
    at = _HEADER_BYTES
    while at < len(pack):
        end = at + _UNIT_HEAD + int.from_bytes(pack[at + 4 : at + 6])
        yield pack[at:end]
        at = end


def _changed(pack: bytes, stream_id: int, change: Callable[[bytes], bytes]) -> bytes:
    return pack[:_HEADER_BYTES] + b"".join(
        change(unit) if unit[3] == stream_id else unit for unit in units(pack)
    )


def _pictures(pack: bytes) -> bytes:
    """The access unit in it."""
    return b"".join(unit[_PES_HEAD + unit[8] :] for unit in units(pack) if unit[3] == VIDEO_STREAM_ID)


def _with_video(pack: bytes, video: bytes) -> bytes:
    before = [unit for unit in units(pack) if unit[3] not in (VIDEO_STREAM_ID, AUDIO_STREAM_ID)]
    after = [unit for unit in units(pack) if unit[3] == AUDIO_STREAM_ID]
    return pack[:_HEADER_BYTES] + b"".join(before) + video + b"".join(after)


def counting_stuffing() -> PackFault:
    """Seven stuffing bytes that count the pictures."""
    numbers = count(1)

    def change(pack: bytes) -> bytes:
        return pack[: _HEADER_BYTES - 1] + b"\xff" + next(numbers).to_bytes(7) + pack[_HEADER_BYTES:]

    return change


def turned_crc() -> PackFault:
    def turn(unit: bytes) -> bytes:
        return unit[:-4] + unit[:-5:-1]

    return lambda pack: _changed(pack, MAP_START[3], turn)


def private_packets() -> PackFault:
    def change(pack: bytes) -> bytes:
        first = b"\x00\x00\x01\xbd" + (40).to_bytes(2) + b"\x8c\x80\x05" + b"HKMI\x00\x00\x01\xba" + bytes(29)
        second = b"\x00\x00\x01\xbf" + (20).to_bytes(2) + bytes(range(20))
        return pack[:_HEADER_BYTES] + first + pack[_HEADER_BYTES:] + second

    return change


def empty_packs() -> PackFault:
    return lambda pack: pack[:_HEADER_BYTES] * 3 + pack[_HEADER_BYTES:] + pack[:_HEADER_BYTES]


def separate_pes() -> PackFault:
    """Parameter sets and slices in PES packets of their own; only the first has a time."""

    def change(pack: bytes) -> bytes:
        parts = [part for part in _NAL_START.split(_pictures(pack)) if part]
        pieces = [part[at : at + 60_000] for part in parts for at in range(0, len(part), 60_000)]
        packets = [
            pes_packet(VIDEO_STREAM_ID, piece, None if number else 0) for number, piece in enumerate(pieces)
        ]
        return _with_video(pack, b"".join(packets))

    return change


def flipping_map() -> PackFault:
    """Each second map names the other codec."""
    numbers = count()

    def flip(unit: bytes) -> bytes:
        kind = unit[_MAP_TYPE_AT]
        if next(numbers) % 2:
            kind = _OTHER_TYPE.get(kind, kind)
        return unit[:_MAP_TYPE_AT] + bytes([kind]) + unit[_MAP_TYPE_AT + 1 :]

    return lambda pack: _changed(pack, MAP_START[3], flip)


def wrong_map_length() -> PackFault:
    """The entries of the map are longer than the map, and a unit follows that nobody knows."""

    def stretch(unit: bytes) -> bytes:
        return unit[:_MAP_ENTRIES_AT] + b"\xff\xf0" + unit[_MAP_TYPE_AT:] + b"\x00\x00\x01\xaf\x00\x04abcd"

    return lambda pack: _changed(pack, MAP_START[3], stretch)


def no_pes_length() -> PackFault:
    def change(pack: bytes) -> bytes:
        packet = bytearray(pes_packet(VIDEO_STREAM_ID, b"", 0))
        packet[4:6] = b"\x00\x00"
        return _with_video(pack, bytes(packet) + _pictures(pack))

    return change


def bare_sound() -> PackFault:
    """Sound begins an RTP packet, without a pack header before it."""

    def change(pack: bytes) -> bytes:
        head, sound = b"", b""
        for unit in units(pack):
            if unit[3] == AUDIO_STREAM_ID:
                sound += unit
            else:
                head += unit
        missing = -(_HEADER_BYTES + len(head)) % MAX_UDP_PAYLOAD
        if missing < _UNIT_HEAD:
            missing += MAX_UDP_PAYLOAD
        size = missing - _UNIT_HEAD
        padding = bytes([0, 0, 1, _PADDING_ID]) + size.to_bytes(2) + b"\xff" * size
        return pack[:_HEADER_BYTES] + head + padding + sound if sound else pack

    return change


def elementary() -> PackFault:
    """No program stream: the pictures as they are, under its payload type."""
    return _pictures


def transport_stream() -> PackFault:
    """No program stream: its packets in a transport stream, of what its last map named."""
    made, types = TransportStream(), dict[int, int]()

    def change(pack: bytes) -> bytes:
        for unit in units(pack):
            if unit[:4] == MAP_START:
                types.update(_types(unit))
        return made.frame(list(units(pack)), types)

    return change


def _types(unit: bytes) -> Iterator[tuple[int, int]]:
    """Stream id and stream type of each entry of a map that has no descriptors of the programme."""
    at, end = _MAP_TYPE_AT, _MAP_TYPE_AT + int.from_bytes(unit[_MAP_ENTRIES_AT : _MAP_ENTRIES_AT + 2])
    while at < end:
        yield unit[at + 1], unit[at]
        at += 4 + int.from_bytes(unit[at + 2 : at + 4])


PACK_FAULTS: Final[Mapping[str, Callable[[], PackFault]]] = {
    "stuffing": counting_stuffing,
    "map-crc": turned_crc,
    "private": private_packets,
    "empty": empty_packs,
    "separate": separate_pes,
    "map-flips": flipping_map,
    "map-length": wrong_map_length,
    "no-length": no_pes_length,
    "bare-sound": bare_sound,
    "elementary": elementary,
    "transport-stream": transport_stream,
}
