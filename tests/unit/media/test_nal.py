"""NAL units, key frames and picture sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import nal
from media.nal import MalformedNal, SpsInfo, VideoCodec

H264, H265 = VideoCodec.H264, VideoCodec.H265
# Written by hand from the tables of the standards; see the assertions for what they say.
H264_SPS_640X360 = bytes.fromhex("6742c01ed900a02ff9610000030001000003003c8f162e48")
H264_PPS = bytes.fromhex("68ce3c80")


class BitWriter:
    """The inverse of the reader, for parameter sets of any size."""

    def __init__(self) -> None:
        self.text = ""

    def bits(self, value: int, count: int) -> "BitWriter":
        self.text += f"{value:0{count}b}" if count else ""
        return self

    def ue(self, value: int) -> "BitWriter":
        code = f"{value + 1:b}"
        self.text += "0" * (len(code) - 1) + code
        return self

    def data(self) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8)


def escaped(data: bytes) -> bytes:
    """Emulation prevention as an encoder does it."""
    out = bytearray()
    zeros = 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def h264_sps(
    width_mbs: int,
    map_units: int,
    *,
    profile: int = 66,
    crop: tuple[int, ...] = (),
    frames_only: bool = True,
    chroma: int = 1,
    scaling: bool = False,
    order_count: int = 0,
) -> bytes:
    writer = BitWriter().bits(profile, 8).bits(0, 8).bits(31, 8).ue(0)
    if profile == 100:
        writer.ue(chroma)
        if chroma == 3:
            writer.bits(0, 1)
        writer.ue(0).ue(0).bits(0, 1).bits(scaling, 1)
        if scaling:
            writer.bits(1, 1).ue(1).ue(0).ue(2)
            for _ in range(13):
                writer.ue(0)
            writer.bits(1, 1).ue(16)  # a list that falls back to the default at once: delta -8
            for _ in range(6 if chroma != 3 else 10):
                writer.bits(0, 1)
    writer.ue(0).ue(order_count)
    if order_count == 0:
        writer.ue(4)
    elif order_count == 1:
        writer.bits(0, 1).ue(1).ue(2).ue(2).ue(1).ue(1)
    writer.ue(1).bits(0, 1).ue(width_mbs - 1).ue(map_units - 1).bits(frames_only, 1)
    if not frames_only:
        writer.bits(0, 1)
    writer.bits(1, 1).bits(bool(crop), 1)
    for value in crop:
        writer.ue(value)
    return b"\x67" + escaped(writer.bits(0, 1).data())


def h265_sps(
    width: int, height: int, *, crop: tuple[int, ...] = (), chroma: int = 1, sub_layers: int = 0
) -> bytes:
    writer = (
        BitWriter().bits(0, 4).bits(sub_layers, 3).bits(1, 1).bits(1, 8).bits(0, 32).bits(0, 48).bits(93, 8)
    )
    for _ in range(sub_layers):
        writer.bits(3, 2)
    if sub_layers:
        writer.bits(0, 2 * (8 - sub_layers))
    for _ in range(sub_layers):
        writer.bits(1, 88).bits(90, 8)
    writer.ue(0).ue(chroma)
    if chroma == 3:
        writer.bits(0, 1)
    writer.ue(width).ue(height).bits(bool(crop), 1)
    for value in crop:
        writer.ue(value)
    return b"\x42\x01" + escaped(writer.ue(0).data())


@given(
    st.lists(
        st.binary(min_size=1, max_size=40).filter(lambda b: b"\0\0\1" not in b and b[-1] and b[0]), max_size=6
    )
)
def test_units_are_found_again(units: list[bytes]) -> None:
    assert nal.split_nal_units(nal.join_nal_units(units)) == units


def test_start_codes_of_three_and_four_bytes_and_trailing_zeros_are_taken() -> None:
    stream = b"junk\x00\x00\x01\x67a\x00\x00\x00\x01\x68b\x00\x00\x00\x00\x01\x00\x00\x01\x65c\x00\x00"
    assert nal.split_nal_units(stream) == [b"\x67a", b"\x68b", b"\x65c"]
    assert nal.split_nal_units(b"") == []


def test_key_frames_are_told_by_their_slices() -> None:
    assert nal.is_keyframe(nal.join_nal_units([H264_SPS_640X360, H264_PPS, b"\x65\x88"]), H264)
    assert not nal.is_keyframe(nal.join_nal_units([b"\x41\x9a"]), H264)
    for kind, key in ((19, True), (20, True), (21, True), (16, True), (1, False), (22, False)):
        assert nal.is_keyframe(nal.join_nal_units([bytes([kind << 1, 1, 0x80])]), H265) is key


def test_parameter_sets_are_picked_in_order() -> None:
    stream = nal.join_nal_units([b"\x09\xf0", H264_SPS_640X360, H264_PPS, b"\x65\x88"])
    assert nal.parameter_sets(stream, H264) == [H264_SPS_640X360, H264_PPS]
    stream = nal.join_nal_units([b"\x40\x01a", b"\x42\x01b", b"\x44\x01c", b"\x26\x01d"])
    assert [nal.nal_type(unit, H265) for unit in nal.parameter_sets(stream, H265)] == [32, 33, 34]


def test_first_slice_of_a_picture_is_known() -> None:
    assert nal.is_first_slice(b"\x65\x88", H264)
    assert not nal.is_first_slice(b"\x65\x4c", H264)
    assert not nal.is_first_slice(b"\x67\x88", H264)
    assert nal.is_first_slice(b"\x02\x01\xd0", H265)
    assert not nal.is_first_slice(b"\x02\x01\x50", H265)
    assert not nal.is_first_slice(b"\x02\x01", H265)


@pytest.mark.parametrize(
    ("units", "codec"),
    [
        ([b"\x67\x42"], H264),
        ([b"\x27\x42"], H264),
        ([b"\x06\x01", b"\x68\xce"], H264),
        ([b"\x65\x88"], H264),
        ([b"\x40\x01"], H265),
        ([b"\x42\x01"], H265),
        ([b"\x26\x01\xaf"], H265),
        ([b"\x41\x9a"], None),
        ([], None),
    ],
)
def test_codec_is_told_by_evidence(units: list[bytes], codec: VideoCodec | None) -> None:
    """Q87, Q90."""
    assert nal.guess_codec(nal.join_nal_units(units)) is codec


def test_sps_with_usability_information_is_read() -> None:
    assert nal.parse_sps(H264_SPS_640X360, H264) == SpsInfo(640, 360, 66, 30)


@pytest.mark.parametrize(
    ("sps", "size"),
    [
        (h264_sps(120, 68, crop=(0, 0, 0, 4)), (1920, 1080)),
        (h264_sps(120, 68, profile=100, crop=(0, 0, 0, 4)), (1920, 1080)),
        (h264_sps(120, 68, profile=100, scaling=True, crop=(0, 0, 0, 4)), (1920, 1080)),
        (h264_sps(120, 68, profile=100, chroma=3, scaling=True, crop=(0, 0, 0, 8)), (1920, 1080)),
        (h264_sps(120, 68, profile=100, chroma=2, crop=(0, 0, 0, 8)), (1920, 1080)),
        (h264_sps(120, 34, frames_only=False, crop=(0, 0, 0, 2)), (1920, 1080)),
        (h264_sps(45, 36, order_count=1), (720, 576)),
        (h264_sps(45, 36, order_count=2), (720, 576)),
    ],
)
def test_h264_sizes_with_every_kind_of_cropping(sps: bytes, size: tuple[int, int]) -> None:
    info = nal.parse_sps(sps, H264)
    assert (info.width, info.height) == size


@pytest.mark.parametrize(
    ("sps", "size"),
    [
        (h265_sps(1920, 1088, crop=(0, 0, 0, 4)), (1920, 1080)),
        (h265_sps(2560, 1440), (2560, 1440)),
        (h265_sps(1920, 1088, chroma=3, crop=(0, 0, 0, 8)), (1920, 1080)),
        (h265_sps(640, 360, sub_layers=2), (640, 360)),
    ],
)
def test_h265_sizes_with_every_kind_of_cropping(sps: bytes, size: tuple[int, int]) -> None:
    info = nal.parse_sps(sps, H265)
    assert (info.width, info.height, info.profile, info.level) == (*size, 1, 93)


def test_size_that_no_picture_has_is_malformed() -> None:
    sides = nal.MAX_PICTURE_SIDE // 16
    assert nal.parse_sps(h264_sps(sides, sides), H264).width == nal.MAX_PICTURE_SIDE
    for sps in (h264_sps(sides + 1, 1), h264_sps(1, 1, crop=(8, 0, 0, 0))):
        with pytest.raises(MalformedNal):
            nal.parse_sps(sps, H264)


def test_other_units_and_long_codes_are_malformed() -> None:
    for unit in (b"", b"\x68\xce", b"\x67", b"\x67\x42\x00\x1e" + b"\x00" * 8):
        with pytest.raises(MalformedNal):
            nal.parse_sps(unit, H264)


@given(st.binary(max_size=60), st.sampled_from(VideoCodec))
def test_any_bytes_are_an_sps_or_malformed(data: bytes, codec: VideoCodec) -> None:
    for unit in (data, (b"\x67" if codec is H264 else b"\x42\x01") + data):
        try:
            info = nal.parse_sps(unit, codec)
        except MalformedNal:
            continue
        assert info.width > 0
