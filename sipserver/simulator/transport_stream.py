"""A program stream's packets in a transport stream (ISO/IEC 13818-1 section 2.4), as some devices send it."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from media.ps_format import AUDIO_STREAM_ID, VIDEO_STREAM_ID, mpeg_crc32

_SYNC: Final = 0x47
_PACKET: Final = 188
_BODY: Final = _PACKET - 4
_TABLE_PID: Final = 0
_MAP_PID: Final = 0x1000
_ELEMENT_PID: Final = {VIDEO_STREAM_ID: 0x100, AUDIO_STREAM_ID: 0x101}
_START: Final = 0x4000
_HAS_FIELD: Final = 0x20
_HAS_BODY: Final = 0x10


class TransportStream:
    """Makes the packets of one programme; tables go before every frame."""

    def __init__(self) -> None:
        self._numbers: dict[int, Iterator[int]] = {}

    def frame(self, packets: list[bytes], types: dict[int, int]) -> bytes:
        """One frame.

        Args:
            packets: PES packets, each whole.
            types: The stream type of each stream id among them.
        """
        tables = self._section(_TABLE_PID, _table()) + self._section(_MAP_PID, _map(types))
        known = [packet for packet in packets if packet[3] in types]
        return tables + b"".join(self._cut(_ELEMENT_PID[packet[3]], packet) for packet in known)

    def _section(self, pid: int, section: bytes) -> bytes:
        return self._head(pid, _START, _HAS_BODY) + (b"\0" + section).ljust(_BODY, b"\xff")

    def _cut(self, pid: int, packet: bytes) -> bytes:
        made = b""
        for at in range(0, len(packet), _BODY):
            piece, start = packet[at : at + _BODY], 0 if at else _START
            spare = _BODY - len(piece)
            if not spare:
                made += self._head(pid, start, _HAS_BODY) + piece
                continue
            # The length byte counts what follows it; one spare byte is the length alone.
            field = bytes([spare - 1]) + (b"\0" + b"\xff" * (spare - 2) if spare > 1 else b"")
            made += self._head(pid, start, _HAS_FIELD | _HAS_BODY) + field + piece
        return made

    def _head(self, pid: int, start: int, holds: int) -> bytes:
        number = next(self._numbers.setdefault(pid, count())) & 0xF
        return bytes([_SYNC]) + (start | pid).to_bytes(2) + bytes([holds | number])


def _table() -> bytes:
    """Section 2.4.4.3: programme 1 has its map at the PID of maps."""
    return _closed(0x00, b"\x00\x01\xc1\x00\x00" + b"\x00\x01" + (0xE000 | _MAP_PID).to_bytes(2))


def _map(types: dict[int, int]) -> bytes:
    """Section 2.4.4.8: the clock comes with the pictures."""
    body = b"\x00\x01\xc1\x00\x00" + (0xE000 | _ELEMENT_PID[VIDEO_STREAM_ID]).to_bytes(2) + b"\xf0\x00"
    for stream_id, kind in types.items():
        body += bytes([kind]) + (0xE000 | _ELEMENT_PID[stream_id]).to_bytes(2) + b"\xf0\x00"
    return _closed(0x02, body)


def _closed(table_id: int, body: bytes) -> bytes:
    section = bytes([table_id]) + (0xB000 | len(body) + 4).to_bytes(2) + body
    return section + mpeg_crc32(section).to_bytes(4)
