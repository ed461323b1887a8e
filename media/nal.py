"""NAL units of H.264 and H.265: Annex B byte streams, types, key frames and the size in the SPS.

Source: ITU-T H.264 sections 7.3.1, 7.3.2.1 and annex B;
ITU-T H.265 sections 7.3.1.2, 7.3.2.2, 7.3.3 and annex B.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

START_CODE: Final = b"\x00\x00\x00\x01"
MAX_PICTURE_SIDE: Final = 16_384

_START: Final = re.compile(rb"\x00\x00\x01")


class VideoCodec(StrEnum):
    H264 = "h264"
    H265 = "h265"


class MalformedNal(ValueError):
    """A parameter set that cannot be read."""


@dataclass(frozen=True, slots=True)
class SpsInfo:
    """What a sequence parameter set says: visible picture size in pixels, and profile and level codes."""

    width: int
    height: int
    profile: int
    level: int


H264_IDR: Final = 5
H264_SEI: Final = 6
H264_SPS: Final = 7
H264_PPS: Final = 8
H264_AUD: Final = 9
H265_VPS: Final = 32
H265_SPS: Final = 33
H265_PPS: Final = 34
H265_AUD: Final = 35
H265_PREFIX_SEI: Final = 39

# BLA, IDR and CRA pictures: a decoder can start at each of them. ITU-T H.265 table 7-1.
_H265_RANDOM_ACCESS: Final = frozenset(range(16, 22))
_PARAMETER_SETS: Final = {
    VideoCodec.H264: frozenset({H264_SPS, H264_PPS}),
    VideoCodec.H265: frozenset({H265_VPS, H265_SPS, H265_PPS}),
}
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


def split_nal_units(annexb: bytes) -> list[bytes]:
    """Cut an Annex B stream at its start codes; without them, without trailing zeros, without empty units.

    Bytes before the first start code are dropped.
    """
    matches = list(_START.finditer(annexb))
    ends = [match.start() for match in matches[1:]] + [len(annexb)]
    units = (annexb[match.end() : end].rstrip(b"\x00") for match, end in zip(matches, ends, strict=False))
    return [unit for unit in units if unit]


def join_nal_units(units: Iterable[bytes]) -> bytes:
    """Put a four-byte start code before each unit."""
    return b"".join(START_CODE + unit for unit in units)


def nal_type(unit: bytes, codec: VideoCodec) -> int:
    """The type in the first header byte."""
    return unit[0] & 0x1F if codec is VideoCodec.H264 else unit[0] >> 1 & 0x3F


def is_picture(unit: bytes, codec: VideoCodec) -> bool:
    """Whether the unit holds a slice."""
    kind = nal_type(unit, codec)
    return 1 <= kind <= 5 if codec is VideoCodec.H264 else kind < 32


def is_first_slice(unit: bytes, codec: VideoCodec) -> bool:
    """Whether the unit is the first slice of a picture: ``first_mb_in_slice`` 0, or the flag of H.265."""
    offset = 1 if codec is VideoCodec.H264 else 2
    return is_picture(unit, codec) and len(unit) > offset and bool(unit[offset] & 0x80)


def is_keyframe_unit(unit: bytes, codec: VideoCodec) -> bool:
    kind = nal_type(unit, codec)
    return kind == H264_IDR if codec is VideoCodec.H264 else kind in _H265_RANDOM_ACCESS


def is_keyframe(annexb: bytes, codec: VideoCodec) -> bool:
    """Whether decoding can start at this access unit: it has an IDR (H.265: any random access) slice."""
    return any(is_keyframe_unit(unit, codec) for unit in split_nal_units(annexb))


def parameter_sets(annexb: bytes, codec: VideoCodec) -> list[bytes]:
    """The VPS, SPS and PPS units, in stream order."""
    return [unit for unit in split_nal_units(annexb) if nal_type(unit, codec) in _PARAMETER_SETS[codec]]


def guess_codec(annexb: bytes) -> VideoCodec | None:
    """The codec by evidence in the data alone: parameter sets, else a key frame slice.

    Labels in the program stream are wrong often enough that they count less (Q87).
    """
    units = split_nal_units(annexb)
    for unit in units:
        if unit[:2] in {b"\x40\x01", b"\x42\x01", b"\x44\x01"}:
            return VideoCodec.H265
        if unit[0] in {0x67, 0x27, 0x47, 0x68, 0x28, 0x48}:
            return VideoCodec.H264
    if any(unit[:2] in {b"\x26\x01", b"\x28\x01", b"\x2a\x01"} for unit in units):
        return VideoCodec.H265
    return VideoCodec.H264 if any(unit[0] in {0x65, 0x25, 0x45} for unit in units) else None


def parse_sps(unit: bytes, codec: VideoCodec) -> SpsInfo:
    """Read profile, level and picture size from a sequence parameter set.

    Raises:
        MalformedNal: another type of unit, cut short, or a size that no picture has.
    """
    expected = H264_SPS if codec is VideoCodec.H264 else H265_SPS
    if not unit or nal_type(unit, codec) != expected:
        raise MalformedNal(f"unit begins with {unit[:2].hex()}, which is no SPS of {codec}")
    header = 1 if codec is VideoCodec.H264 else 2
    reader = _BitReader(remove_emulation_prevention(unit[header:]))
    info = _parse_h264_sps(reader) if codec is VideoCodec.H264 else _parse_h265_sps(reader)
    if not (0 < info.width <= MAX_PICTURE_SIDE and 0 < info.height <= MAX_PICTURE_SIDE):
        raise MalformedNal(f"the SPS says {info.width} x {info.height}")
    return info


def remove_emulation_prevention(data: bytes) -> bytes:
    """Turn ``00 00 03`` back into ``00 00``."""
    return re.sub(rb"\x00\x00\x03", b"\x00\x00", data)


class _BitReader:
    """Bits from the left, with the Exp-Golomb codes of both standards."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def bits(self, count: int) -> int:
        if count > self._left:
            raise MalformedNal(f"{count} bits wanted, {self._left} left")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.bits(1))

    def unsigned(self) -> int:
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise MalformedNal("an Exp-Golomb code longer than 32 bits")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _parse_h264_sps(reader: _BitReader) -> SpsInfo:
    profile, _, level = reader.bits(8), reader.bits(8), reader.bits(8)
    reader.unsigned()  # seq_parameter_set_id
    chroma = _skip_h264_high_profile(reader) if profile in _HIGH_PROFILES else 1
    reader.unsigned()  # log2_max_frame_num_minus4
    _skip_h264_order_count(reader)
    reader.unsigned()  # max_num_ref_frames
    reader.flag()  # gaps_in_frame_num_value_allowed_flag
    width = 16 * (reader.unsigned() + 1)
    map_units = reader.unsigned() + 1
    frames_only = reader.flag()
    height = 16 * map_units * (1 if frames_only else 2)
    if not frames_only:
        reader.flag()  # mb_adaptive_frame_field_flag
    reader.flag()  # direct_8x8_inference_flag
    # Cropping counts in chroma samples, and in two lines at a time when fields are coded.
    crop_x, crop_y = _chroma_step(chroma)
    crop_y *= 1 if frames_only else 2
    left, right, top, bottom = _crop(reader)
    return SpsInfo(width - crop_x * (left + right), height - crop_y * (top + bottom), profile, level)


def _skip_h264_high_profile(reader: _BitReader) -> int:
    chroma = reader.unsigned()
    if chroma == 3:
        reader.flag()  # separate_colour_plane_flag
    reader.unsigned()
    reader.unsigned()
    reader.flag()  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():  # seq_scaling_matrix_present_flag
        for index in range(8 if chroma != 3 else 12):
            if reader.flag():
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(reader: _BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.signed()) % 256
        last = following or last


def _skip_h264_order_count(reader: _BitReader) -> None:
    kind = reader.unsigned()
    if kind == 0:
        reader.unsigned()
    elif kind == 1:
        reader.flag()
        reader.signed()
        reader.signed()
        for _ in range(min(reader.unsigned(), 255)):
            reader.signed()


def _parse_h265_sps(reader: _BitReader) -> SpsInfo:
    reader.bits(4)  # sps_video_parameter_set_id
    sub_layers = reader.bits(3)  # sps_max_sub_layers_minus1
    reader.flag()  # sps_temporal_id_nesting_flag
    reader.bits(3)  # general_profile_space, general_tier_flag
    profile = reader.bits(5)
    reader.bits(32)  # general_profile_compatibility_flags
    reader.bits(48)  # constraint flags
    level = reader.bits(8)
    _skip_h265_sub_layers(reader, sub_layers)
    reader.unsigned()  # sps_seq_parameter_set_id
    chroma = reader.unsigned()
    if chroma == 3:
        reader.flag()
    width, height = reader.unsigned(), reader.unsigned()
    crop_x, crop_y = _chroma_step(chroma)
    left, right, top, bottom = _crop(reader)
    return SpsInfo(width - crop_x * (left + right), height - crop_y * (top + bottom), profile, level)


def _skip_h265_sub_layers(reader: _BitReader, sub_layers: int) -> None:
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers)]
    if sub_layers:
        reader.bits(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        reader.bits(88 * has_profile + 8 * has_level)


def _chroma_step(chroma: int) -> tuple[int, int]:
    return (2 if chroma in {1, 2} else 1), (2 if chroma == 1 else 1)


def _crop(reader: _BitReader) -> tuple[int, int, int, int]:
    if not reader.flag():
        return 0, 0, 0, 0
    return reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned()
