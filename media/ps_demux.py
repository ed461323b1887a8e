"""Reading MPEG program streams in plain Python, with every tolerance that devices need.

This is the oracle of the native demuxer: slow, plain, and written from the same rules (7.5 of the protocol
notes). It takes RTP payloads in order and gives access units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from media import nal
from media.nal import VideoCodec
from media.ps_format import STREAM_TYPES, AudioCodec

MAX_BUFFER_BYTES: Final = 8 * 1024 * 1024
LOWEST_PS_CODE: Final = 0xB9

_VIDEO_TYPES: Final = {STREAM_TYPES[codec]: codec for codec in VideoCodec}
_AUDIO_TYPES: Final = {STREAM_TYPES[codec]: codec for codec in AudioCodec}


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture, or the payload of one audio PES. Times are those of the PES, 33 bits, not unwrapped."""

    codec: VideoCodec | AudioCodec
    data: bytes
    pts_90k: int | None
    dts_90k: int | None
    keyframe: bool = False

    @property
    def is_video(self) -> bool:
        return isinstance(self.codec, VideoCodec)


@dataclass(slots=True)
class _Picture:
    """A picture while its PES packets come in."""

    pts_90k: int | None
    dts_90k: int | None
    rtp_timestamp: int | None
    data: bytearray = field(default_factory=bytearray)


class PsDemuxer:
    """Takes payloads, gives access units; one object per stream."""

    def __init__(self) -> None:
        self.skipped_bytes = 0
        self.map: dict[int, int] = {}
        self._buffer = bytearray()
        self._picture: _Picture | None = None
        self._codec: VideoCodec | None = None
        self._new_pack = False
        self._open_video = False  # the last unit was video, so stray bytes after it belong to it
        self._timestamp: int | None = None

    def receive(self, payload: bytes, rtp_timestamp: int | None = None) -> list[AccessUnit]:
        """Take the next payload.

        Args:
            rtp_timestamp: of its packet; a change ends a picture whose PES says no length or time.
        """
        units: list[AccessUnit] = []
        if rtp_timestamp is not None and self._timestamp not in {None, rtp_timestamp}:
            units += self._drain(frame_ended=True)
        self._timestamp = rtp_timestamp
        self._buffer += payload
        if len(self._buffer) > MAX_BUFFER_BYTES:
            self.skipped_bytes += len(self._buffer)
            self._buffer.clear()
        return units + self._drain()

    def flush(self) -> list[AccessUnit]:
        """Everything that is left, taking the end of the stream as the end of its last unit."""
        units = self._drain(at_end=True)
        picture = self._close_picture()
        return [*units, *picture]

    def _drain(self, at_end: bool = False, frame_ended: bool = False) -> list[AccessUnit]:
        units: list[AccessUnit] = []
        while self._buffer:
            taken, found = self._take_unit(at_end, frame_ended)
            if not taken:
                break
            del self._buffer[:taken]
            units += found
        return units

    def _take_unit(self, at_end: bool, frame_ended: bool) -> tuple[int, list[AccessUnit]]:
        """Take one unit from the front: how many bytes (0: wait for more), and what it completed."""
        buffer = self._buffer
        if not _is_start(buffer, 0):
            return self._take_stray(at_end)
        code = buffer[3]
        if code == 0xBA:
            size = _pack_header_size(buffer)
            if not size or len(buffer) < size:
                return (len(buffer) if at_end else 0), []
            self._new_pack, self._open_video = True, False
            return size, []
        if code == 0xB9:
            return 4, []
        if len(buffer) < 6:
            return (len(buffer) if at_end else 0), []
        end = self._unit_end(at_end, frame_ended)
        if end is None:
            return 0, []
        return end, self._read_unit(code, bytes(buffer[:end]))

    def _take_stray(self, at_end: bool) -> tuple[int, list[AccessUnit]]:
        """Bytes without a header: the rest of a picture whose PES length was too small, or rubbish."""
        start = _find_start(self._buffer, 1)
        if start < 0:
            # Three bytes may be the beginning of the next start code.
            start = len(self._buffer) if at_end else max(len(self._buffer) - 3, 0)
        stray = bytes(self._buffer[:start])
        if self._open_video and self._picture is not None and not _is_foreign_unit(stray):
            self._picture.data += stray
        else:
            self.skipped_bytes += len(stray)
        return start, []

    def _unit_end(self, at_end: bool, frame_ended: bool) -> int | None:
        """Where the unit at the front ends; ``None``: not here yet."""
        buffer = self._buffer
        length = int.from_bytes(buffer[4:6])
        if length == 0 and 0xE0 <= buffer[3] <= 0xEF:
            following = _find_start(buffer, 6)
            return following if following > 0 else (len(buffer) if at_end or frame_ended else None)
        end = 6 + length
        if len(buffer) < end + 4:
            # Without the bytes that follow, the length can only be believed at the end of the RTP frame.
            if not at_end and not (frame_ended and len(buffer) >= end):
                return None
            end = min(end, len(buffer))
        if 0xE0 <= buffer[3] <= 0xEF or not _is_start(buffer, end):
            # A header inside is where this unit really ends: the length is wrong, or bytes were lost.
            # Pictures are always searched, since nothing in them can look like a header.
            inner = _find_start(buffer, 6, end)
            return inner if inner > 0 else end
        return end

    def _read_unit(self, code: int, unit: bytes) -> list[AccessUnit]:
        self._open_video = False
        if code == 0xBC:
            self._read_map(unit[6:])
        elif 0xE0 <= code <= 0xEF:
            self._open_video = True
            return self._read_video(*_pes_parts(unit))
        elif 0xC0 <= code <= 0xDF or (code == 0xBD and self.map.get(code) in _AUDIO_TYPES):
            payload, pts, dts = _pes_parts(unit)
            if payload:
                return [AccessUnit(self._audio_codec(code, payload), payload, pts, dts)]
        return []

    def _read_map(self, body: bytes) -> None:
        """Entries inside the bounds; the CRC is not looked at (Q83), wrong lengths end the loop (Q89)."""
        if len(body) < 6:
            return
        at = 4 + int.from_bytes(body[2:4])
        end = min(at + 2 + int.from_bytes(body[at : at + 2]), len(body))
        at += 2
        while at + 4 <= end:
            self.map[body[at + 1]] = body[at]
            at += 4 + int.from_bytes(body[at + 2 : at + 4])

    def _read_video(self, payload: bytes, pts: int | None, dts: int | None) -> list[AccessUnit]:
        if not payload:
            return []  # an empty PES after an empty pack (Q85)
        units: list[AccessUnit] = []
        if self._picture is not None and self._begins_picture(payload, pts):
            units = self._close_picture()
        self._new_pack = False
        if self._picture is None:
            self._picture = _Picture(pts, dts, self._timestamp)
        elif self._picture.pts_90k is None:
            self._picture.pts_90k, self._picture.dts_90k = pts, dts
        self._picture.data += payload
        return units

    def _begins_picture(self, payload: bytes, pts: int | None) -> bool:
        """Whether a PES starts another picture than the open one (Q86: several PES for one picture)."""
        picture = self._picture
        assert picture is not None  # noqa: S101 - the caller looked
        if pts is not None and picture.pts_90k is not None and pts != picture.pts_90k:
            return True
        if pts is None and self._timestamp is not None:
            same_frame = self._timestamp == picture.rtp_timestamp
        else:
            same_frame = not self._new_pack
        if same_frame:
            return False
        codec = self._codec or nal.guess_codec(bytes(picture.data)) or VideoCodec.H264
        has_picture = any(nal.is_picture(unit, codec) for unit in nal.split_nal_units(bytes(picture.data)))
        return has_picture and _starts_access_unit(payload, codec)

    def _close_picture(self) -> list[AccessUnit]:
        picture, self._picture = self._picture, None
        if picture is None:
            return []
        data = bytes(picture.data).rstrip(b"\x00")
        declared = next((kind for kind in self.map.values() if kind in _VIDEO_TYPES), None)
        # Data before label: some label H.264 and H.265 in turns while the codec stays (Q87).
        self._codec = nal.guess_codec(data) or self._codec or _VIDEO_TYPES.get(declared or 0, VideoCodec.H264)
        # Bytes with the forbidden bit are vendor units such as 00 00 01 AF (Q89), not pictures.
        units = [unit for unit in nal.split_nal_units(data) if not unit[0] & 0x80]
        if not units:
            return []
        keyframe = any(nal.is_keyframe_unit(unit, self._codec) for unit in units)
        pts = picture.pts_90k if picture.pts_90k is not None else picture.rtp_timestamp
        dts = picture.dts_90k if picture.dts_90k is not None else pts
        return [AccessUnit(self._codec, nal.join_nal_units(units), pts, dts, keyframe)]

    def _audio_codec(self, stream_id: int, payload: bytes) -> AudioCodec:
        # An ADTS header says AAC, whatever the map says (Q88).
        if len(payload) >= 7 and payload[0] == 0xFF and payload[1] & 0xF6 == 0xF0:
            return AudioCodec.AAC
        return _AUDIO_TYPES.get(self.map.get(stream_id, 0), AudioCodec.G711A)


def _is_start(buffer: bytearray, at: int) -> bool:
    return (
        buffer[at : at + 3] == b"\x00\x00\x01" and len(buffer) > at + 3 and buffer[at + 3] >= LOWEST_PS_CODE
    )


def _find_start(buffer: bytearray, begin: int, end: int | None = None) -> int:
    """The next start code of the program stream. NAL units cannot contain one: their first byte is below
    0x80, and emulation prevention keeps 00 00 01 out of their bodies."""
    stop = len(buffer) if end is None else end
    return next((at for at in _starts(buffer, begin, stop) if _is_start(buffer, at)), -1)


def _starts(buffer: bytearray, begin: int, stop: int) -> Iterator[int]:
    at = buffer.find(b"\x00\x00\x01", begin, stop)
    while at >= 0:
        yield at
        at = buffer.find(b"\x00\x00\x01", at + 3, stop)


def _is_foreign_unit(stray: bytes) -> bool:
    """A unit such as 00 00 01 AF between two PES packets (Q89)."""
    return stray[:3] == b"\x00\x00\x01" and len(stray) > 3 and stray[3] >= 0x80


def _pack_header_size(buffer: bytearray) -> int:
    """Bytes of the pack header at the front; 0 when too few are here. Stuffing is skipped unread (Q82)."""
    if len(buffer) < 5:
        return 0
    if buffer[4] >> 6 == 0b01:
        return 14 + (buffer[13] & 7) if len(buffer) >= 14 else 0
    # MPEG-1 headers have twelve bytes; anything else is skipped by its start code alone.
    return 12 if buffer[4] >> 4 == 0b0010 else 4


def _pes_parts(unit: bytes) -> tuple[bytes, int | None, int | None]:
    """Payload, PTS and DTS of a PES packet; of the MPEG-1 form too."""
    if len(unit) >= 9 and unit[6] >> 6 == 0b10:
        start = 9 + unit[8]
        pts = _stamp(unit[9:14]) if unit[7] & 0x80 and unit[8] >= 5 else None
        dts = _stamp(unit[14:19]) if unit[7] & 0xC0 == 0xC0 and unit[8] >= 10 else None
        return unit[start:], pts, dts
    at = 6
    while at < len(unit) and unit[at] == 0xFF:
        at += 1
    if at < len(unit) and unit[at] >> 6 == 0b01:
        at += 2
    prefix = unit[at] >> 4 if at < len(unit) else 0
    if prefix == 0b0010:
        return unit[at + 5 :], _stamp(unit[at : at + 5]), None
    if prefix == 0b0011:
        return unit[at + 10 :], _stamp(unit[at : at + 5]), _stamp(unit[at + 5 : at + 10])
    return unit[at + 1 :], None, None


def _stamp(coded: bytes) -> int | None:
    if len(coded) < 5:
        return None
    return (coded[0] >> 1 & 7) << 30 | coded[1] << 22 | (coded[2] >> 1) << 15 | coded[3] << 7 | coded[4] >> 1


def _starts_access_unit(payload: bytes, codec: VideoCodec) -> bool:
    """Whether the first NAL unit is one that opens an access unit."""
    units = nal.split_nal_units(payload[:512])
    if not units:
        return False
    openers = {
        VideoCodec.H264: {nal.H264_AUD, nal.H264_SPS, nal.H264_PPS, nal.H264_SEI},
        VideoCodec.H265: {nal.H265_AUD, nal.H265_VPS, nal.H265_SPS, nal.H265_PPS, nal.H265_PREFIX_SEI},
    }[codec]
    return nal.nal_type(units[0], codec) in openers or nal.is_first_slice(units[0], codec)
