"""From the forms of other containers to an Annex B byte stream.

Sources: ISO/IEC 14496-15 sections 5.3.3 (avcC) and 8.3.3 (hvcC); ISO/IEC 14496-10 annex B; ISO/IEC 14496-3
1.6.2 (AudioSpecificConfig), 1.A.2.2 (ADTS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

START: Final = b"\x00\x00\x00\x01"
MAX_SETS: Final = 64
"""Parameter sets in one record: cameras send three."""


class MalformedRecord(ValueError):
    """A decoder configuration record that cannot be read."""


@dataclass(frozen=True, slots=True)
class VideoForm:
    """How the pictures of a stream are written.

    ``length_size`` is the number of bytes of the length before each NAL unit; 0: Annex B already.
    """

    is_h265: bool
    length_size: int
    parameter_sets: bytes
    """As Annex B, to stand before key frames that bring none."""

    @classmethod
    def read(cls, is_h265: bool, extradata: bytes) -> VideoForm:
        """The form that FFmpeg's extradata describes.

        Raises:
            MalformedRecord: it looks like a configuration record, and is broken.
        """
        if not extradata or extradata.startswith((b"\x00\x00\x01", START)):
            return cls(is_h265, 0, extradata)
        return _hvcc(extradata) if is_h265 else _avcc(extradata)

    def annexb(self, packet: bytes, is_keyframe: bool) -> bytes:
        """One access unit as Annex B; a key frame brings its parameter sets.

        A NAL unit that claims more bytes than there are is dropped with all that follows.
        """
        body = packet if self.length_size == 0 else _with_start_codes(packet, self.length_size)
        if is_keyframe and self.parameter_sets and not self._begins_with_sets(body):
            return self.parameter_sets + body
        return body

    def _begins_with_sets(self, annexb: bytes) -> bool:
        """Whether a parameter set stands before the first slice."""
        position = annexb.find(b"\x00\x00\x01")
        while 0 <= position < len(annexb) - 3:
            header = annexb[position + 3]
            if self.is_h265:
                kind = header >> 1 & 0x3F
                is_set, is_slice = kind in (32, 33), kind < 32
            else:
                kind = header & 0x1F
                is_set, is_slice = kind == 7, 1 <= kind <= 5
            if is_set or is_slice:
                return is_set
            position = annexb.find(b"\x00\x00\x01", position + 3)
        return False


def _with_start_codes(packet: bytes, length_size: int) -> bytes:
    parts: list[bytes] = []
    position, end = 0, len(packet)
    while position + length_size < end:
        size = int.from_bytes(packet[position : position + length_size], "big")
        position += length_size
        if size > end - position:
            break
        if size:
            parts += (START, packet[position : position + size])
        position += size
    return b"".join(parts)


def _avcc(record: bytes) -> VideoForm:
    if len(record) < 7 or record[0] != 1:
        raise MalformedRecord(
            f"an avcC record begins with 01 and has 7 bytes or more, not {record[:1].hex()}"
        )
    reader = _Reader(record, 5)
    units = [reader.take(reader.number(2)) for _ in range(reader.number(1) & 0x1F)]
    units += [reader.take(reader.number(2)) for _ in range(min(reader.number(1), MAX_SETS))]
    return VideoForm(False, (record[4] & 3) + 1, _joined(units))


def _hvcc(record: bytes) -> VideoForm:
    if len(record) < 23 or record[0] not in (0, 1):  # some muxers leave the version 0
        raise MalformedRecord(f"an hvcC record has 23 bytes or more, this one {len(record)}")
    reader = _Reader(record, 22)
    units: list[bytes] = []
    for _ in range(reader.number(1)):
        reader.number(1)
        units += [reader.take(reader.number(2)) for _ in range(min(reader.number(2), MAX_SETS))]
        if len(units) > MAX_SETS:
            raise MalformedRecord(f"more than {MAX_SETS} parameter sets in one record")
    return VideoForm(True, (record[21] & 3) + 1, _joined(units))


def _joined(units: list[bytes]) -> bytes:
    return b"".join(START + unit for unit in units if unit)


class _Reader:
    """Takes bytes one piece after the other."""

    def __init__(self, record: bytes, position: int) -> None:
        self._record = record
        self._position = position

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._record):
            raise MalformedRecord(
                f"{size} bytes wanted at {self._position}, the record has {len(self._record)}"
            )
        piece = self._record[self._position : end]
        self._position = end
        return piece
