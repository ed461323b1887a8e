"""Whether bytes are a whole JPEG, and how large its picture is. Looks at the markers, decodes nothing."""

from __future__ import annotations

from typing import Final, NamedTuple

SIDE_MAX: Final = 32_768
"""Pixels; a larger picture is a mistake or an attack on whoever decodes it."""
_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
# Frame headers: SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC). ITU-T T.81 table B.1.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_MARKERS_MAX: Final = 1000


class JpegSize(NamedTuple):
    width: int
    height: int


class NotJpeg(ValueError):
    """The bytes are no JPEG, or only a part of one."""


def measure_jpeg(data: bytes) -> JpegSize:
    """The size of a picture.

    Filling bytes after the end are allowed: cameras pad their files.

    Raises:
        NotJpeg: says what is missing.
    """
    if not data.startswith(_START):
        raise NotJpeg(f"the file of {len(data)} bytes does not begin like a JPEG")
    size: JpegSize | None = None
    at = 2
    for _ in range(_MARKERS_MAX):
        code, at = _next_marker(data, at)
        if code in _ALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise NotJpeg(f"the segment {code:02x} at byte {at} goes beyond the end of the file")
        if code in _FRAMES:
            size = _frame_size(data, at, length)
        if code == _SCAN:
            return _whole(data, at, size)
        at += length
    raise NotJpeg(f"more than {_MARKERS_MAX} segments before the picture")


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    while at + 1 < len(data) and data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1
    if at + 3 >= len(data) or data[at] != 0xFF:
        raise NotJpeg(f"no marker at byte {at} of {len(data)}")
    return data[at + 1], at + 2


def _frame_size(data: bytes, at: int, length: int) -> JpegSize:
    if length < 8:
        raise NotJpeg(f"the frame header at byte {at} has {length} bytes")
    height = int.from_bytes(data[at + 3 : at + 5], "big")
    width = int.from_bytes(data[at + 5 : at + 7], "big")
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise NotJpeg(f"a picture of {width} x {height} pixels")
    return JpegSize(width, height)


def _whole(data: bytes, at: int, size: JpegSize | None) -> JpegSize:
    if size is None:
        raise NotJpeg("a scan without a frame header")
    if data.find(_END, at) < 0:
        raise NotJpeg(f"the picture breaks off: no end mark in {len(data)} bytes")
    return size
