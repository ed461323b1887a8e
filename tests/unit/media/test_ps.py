"""Program streams, written and read. GB-C118, C121, C122, C125, Q82 to Q91, Q101."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import nal, ps_demux, ps_format
from media.nal import VideoCodec
from media.ps import MAX_PES_PAYLOAD, AccessUnit, AudioCodec, PsDemuxer, PsMuxer
from media.ps_format import MapEntry

VECTORS = Path(__file__).parents[2] / "vectors" / "ps"
H264, H265 = VideoCodec.H264, VideoCodec.H265
SPS, PPS = b"\x67\x42\xc0\x1e\xd9", b"\x68\xce\x3c\x80"
IDR, SLICE = b"\x65\x88\x84\x21", b"\x41\x9a\x22\x11"
KEY = nal.join_nal_units([SPS, PPS, IDR])
DELTA = nal.join_nal_units([SLICE])
SOUND = bytes(range(160))


def demux(stream: bytes, step: int | None = None) -> list[AccessUnit]:
    demuxer = PsDemuxer()
    units: list[AccessUnit] = []
    for at in range(0, len(stream), step or len(stream) or 1):
        units += demuxer.receive(stream[at : at + (step or len(stream))])
    return units + demuxer.flush()


def video(units: list[AccessUnit]) -> list[tuple[bytes, int | None, bool]]:
    return [(unit.data, unit.pts_90k, unit.keyframe) for unit in units if unit.is_video]


def pack(*pes: bytes, scr: int = 0) -> bytes:
    return ps_format.pack_header(scr) + b"".join(pes)


def video_pes(data: bytes, pts: int | None = None) -> bytes:
    return ps_format.pes_packet(0xE0, data, pts)


# ------------------------------------------------------------------ bytes of section 7.4


def test_pack_header_of_the_reference() -> None:
    assert ps_format.pack_header(900_000).hex(" ").upper() == "00 00 01 BA 44 00 DD DD 04 01 00 7F FF F8"


def test_pack_header_with_vendor_stuffing() -> None:
    """Q82: six bytes that are not FF."""
    assert ps_format.pack_header(0, stuffing=b"frame1")[13:] == b"\xfeframe1"


def test_system_header_of_the_reference() -> None:
    expected = "00 00 01 BB 00 0C 80 3F FF 04 E1 7F E0 E1 90 C0 C0 20"
    assert ps_format.system_header().hex(" ").upper() == expected
    assert len(ps_format.system_header(has_audio=False)) == 15


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            [MapEntry(0x1B, 0xE0), MapEntry(0x90, 0xC0)],
            "00 00 01 BC 00 12 E0 FF 00 00 00 08 1B E0 00 00 90 C0 00 00 FE DF B1 D7",
        ),
        ([MapEntry(0x24, 0xE0)], "00 00 01 BC 00 0E E0 FF 00 00 00 04 24 E0 00 00 0C 49 B0 76"),
        (
            [MapEntry(0x24, 0xE0), MapEntry(0x0F, 0xC0)],
            "00 00 01 BC 00 12 E0 FF 00 00 00 08 24 E0 00 00 0F C0 00 00 EA C5 E4 1D",
        ),
    ],
)
def test_program_stream_maps_of_the_reference(entries: list[MapEntry], expected: str) -> None:
    assert ps_format.program_stream_map(entries).hex(" ").upper() == expected


@pytest.mark.parametrize(
    ("stream_id", "size", "pts", "dts", "expected"),
    [
        (0xE0, 23, 900_000, None, "00 00 01 E0 00 1F 84 80 05 21 00 37 77 41"),
        (0xE0, 23, 907_200, 903_600, "00 00 01 E0 00 24 84 C0 0A 31 00 37 AF 81 11 00 37 93 61"),
        (0xC0, 320, 900_000, None, "00 00 01 C0 01 48 84 80 05 21 00 37 77 41"),
    ],
)
def test_pes_headers_of_the_reference(
    stream_id: int, size: int, pts: int, dts: int | None, expected: str
) -> None:
    packet = ps_format.pes_packet(stream_id, b"x" * size, pts, dts)
    assert packet[: len(packet) - size].hex(" ").upper() == expected


def test_pes_length_is_limited_by_its_field() -> None:
    assert len(ps_format.pes_packet(0xE0, b"x" * (0xFFFF - 3))) == 0xFFFF + 6
    with pytest.raises(ValueError, match="do not fit"):
        ps_format.pes_packet(0xE0, b"x" * (0xFFFF - 2))


# ------------------------------------------------------------------ the muxer


def test_key_frame_has_headers_and_map_and_other_pictures_have_none() -> None:
    """GB-C125."""
    muxer = PsMuxer(H264, AudioCodec.G711A)
    key, delta = muxer.mux_video(KEY, 3600, keyframe=True), muxer.mux_video(DELTA, 7200)
    codes = [
        key[at + 3] for at in range(len(key) - 3) if key[at : at + 3] == b"\0\0\1" and key[at + 3] >= 0xB9
    ]
    assert codes == [0xBA, 0xBB, 0xBC, 0xE0]
    assert delta == pack(video_pes(DELTA, 7200), scr=7200)


def test_map_can_be_left_out() -> None:
    assert ps_format.MAP_START not in PsMuxer(H264, with_map=False).mux_video(KEY, 0, keyframe=True)


def test_large_picture_is_split_into_pes_packets_with_the_time_on_the_first() -> None:
    """GB-C125: payloads of at most 65,000 bytes."""
    for size, count in ((MAX_PES_PAYLOAD, 1), (MAX_PES_PAYLOAD + 1, 2), (3 * MAX_PES_PAYLOAD, 3)):
        picture = nal.START_CODE + b"\x41" + b"\x55" * (size - 5)
        stream = PsMuxer(H264).mux_video(picture, 900_000)
        lengths = []
        at = 14
        while at < len(stream):
            assert stream[at : at + 4] == b"\x00\x00\x01\xe0"
            lengths.append(int.from_bytes(stream[at + 4 : at + 6]))
            assert bool(stream[at + 7] & 0x80) == (len(lengths) == 1)
            at += 6 + lengths[-1]
        assert len(lengths) == count
        assert [unit[0] for unit in video(demux(stream))] == [picture]


def test_decoding_time_is_written_only_when_it_differs() -> None:
    muxer = PsMuxer(H264)
    assert muxer.mux_video(DELTA, 7200, 7200) == muxer.mux_video(DELTA, 7200)
    [unit] = demux(muxer.mux_video(DELTA, 7200, 3600))
    assert (unit.pts_90k, unit.dts_90k) == (7200, 3600)


def test_times_wrap_at_33_bits() -> None:
    [unit] = demux(PsMuxer(H264).mux_video(DELTA, 2**33 + 5))
    assert unit.pts_90k == 5


# ------------------------------------------------------------------ there and back


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("audio", [None, *AudioCodec])
def test_what_is_muxed_is_demuxed(codec: VideoCodec, audio: AudioCodec | None) -> None:
    """GB-C118."""
    key, delta = (KEY, DELTA) if codec is H264 else (
        nal.join_nal_units([b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf"]),
        nal.join_nal_units([b"\x02\x01\xd0"]),
    )  # fmt: skip
    muxer = PsMuxer(codec, audio)
    sound = b"\xff\xf1\x60\x40" + SOUND if audio is AudioCodec.AAC else SOUND
    stream = muxer.mux_video(key, 3600, keyframe=True) + muxer.mux_video(delta, 7200)
    if audio is not None:
        stream += muxer.mux_audio(sound, 7300)
    stream += muxer.mux_video(delta, 10_800, audio=sound if audio else b"")
    units = demux(stream)
    assert video(units) == [(key, 3600, True), (delta, 7200, False), (delta, 10_800, False)]
    sounds = [(unit.codec, unit.data, unit.pts_90k) for unit in units if not unit.is_video]
    assert sounds == ([] if audio is None else [(audio, sound, 7300), (audio, sound, 10_800)])
    assert {unit.codec for unit in units if unit.is_video} == {codec}


PICTURES = st.lists(
    st.tuples(st.booleans(), st.binary(min_size=0, max_size=60).map(lambda data: data.replace(b"\0", b"\1"))),
    min_size=1,
    max_size=8,
)


def written(pictures: list[tuple[bool, bytes]]) -> tuple[bytes, list[tuple[bytes, int | None, bool]]]:
    muxer = PsMuxer(H264, AudioCodec.G711A)
    stream, expected = b"", []
    for number, (keyframe, tail) in enumerate(pictures):
        units = [SPS, PPS, IDR + tail] if keyframe or number == 0 else [SLICE + tail]
        picture = nal.join_nal_units(units)
        pts = 3600 * (number + 1)
        stream += muxer.mux_video(picture, pts, keyframe=len(units) == 3, audio=SOUND)
        expected.append((picture, pts, len(units) == 3))
    return stream, expected


@given(PICTURES, st.integers(1, 80))
def test_any_cut_of_the_stream_gives_the_same_pictures(pictures: list[tuple[bool, bytes]], step: int) -> None:
    stream, expected = written(pictures)
    assert video(demux(stream, step)) == expected


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_give_units_and_never_an_error(data: bytes, step: int) -> None:
    for stream in (data, ps_format.PACK_START + data, b"\x00\x00\x01\xe0" + data, b"\x00\x00\x01\xbc" + data):
        demux(stream, step)


@settings(max_examples=500, derandomize=True)
@given(PICTURES, st.data())
def test_after_a_lost_packet_the_following_pictures_are_whole(
    pictures: list[tuple[bool, bytes]], data: st.DataObject
) -> None:
    stream, expected = written([*pictures, (True, b""), (False, b"")])
    end = stream.rindex(ps_format.SYSTEM_START) - 14
    start = data.draw(st.integers(0, end))
    stop = data.draw(st.integers(start, end))
    damaged = video(demux(stream[:start] + stream[stop:]))
    assert damaged[-1] == expected[-1]


# ------------------------------------------------------------------ the oddities of section 7.5


def test_map_with_a_wrong_crc_counts() -> None:
    """Q83, GB-C121."""
    stream_map = bytearray(ps_format.program_stream_map([MapEntry(0x1B, 0xE0), MapEntry(0x91, 0xC0)]))
    stream_map[-4:] = b"\x00\x00\x00\x00"
    units = demux(pack(bytes(stream_map), video_pes(KEY, 0), ps_format.pes_packet(0xC0, SOUND, 0)))
    assert [unit.codec for unit in units if not unit.is_video] == [AudioCodec.G711U]


@pytest.mark.parametrize(
    "body", [b"", b"\xe0\xff", b"\xe0\xff\xff\xff\x00\x08", b"\xe0\xff\x00\x00\xff\xff\x1b\xe0\x00\xff"]
)
def test_map_with_wrong_lengths_is_read_inside_its_bounds(body: bytes) -> None:
    """Q89."""
    broken = ps_format.MAP_START + len(body).to_bytes(2) + body
    assert video(demux(pack(broken, video_pes(KEY, 9)))) == [(KEY, 9, True)]


def test_stream_without_a_map_is_probed() -> None:
    """Q90, GB-C121."""
    assert video(demux(pack(video_pes(KEY, 9)))) == [(KEY, 9, True)]


def test_label_that_contradicts_the_data_loses() -> None:
    """Q87: Keda labels H.264 and H.265 in turns."""
    wrong = ps_format.program_stream_map([MapEntry(0x24, 0xE0)])
    right = ps_format.program_stream_map([MapEntry(0x1B, 0xE0)])
    stream = b"".join(
        pack(stream_map, video_pes(data, pts))
        for stream_map, data, pts in ((wrong, KEY, 1), (right, DELTA, 2), (wrong, DELTA, 3), (right, KEY, 4))
    )
    assert {unit.codec for unit in demux(stream)} == {H264}


def test_label_counts_when_the_data_proves_nothing() -> None:
    stream_map = ps_format.program_stream_map([MapEntry(0x24, 0xE0)])
    [unit] = demux(pack(stream_map, video_pes(nal.join_nal_units([b"\x02\x01\xd0"]), 1)))
    assert unit.codec is H265


def test_parameter_sets_in_pes_packets_of_their_own_join_the_picture() -> None:
    """Q86, GB-C121: only the first has a time."""
    parts = [video_pes(nal.join_nal_units([unit]), 9 if unit is SPS else None) for unit in (SPS, PPS, IDR)]
    assert video(demux(pack(*parts) + pack(video_pes(DELTA, 18)))) == [(KEY, 9, True), (DELTA, 18, False)]


def test_a_pack_for_each_pes_of_one_picture_is_one_picture() -> None:
    parts = [pack(video_pes(nal.join_nal_units([unit]), 9)) for unit in (SPS, PPS, IDR)]
    assert video(demux(b"".join(parts) + pack(video_pes(DELTA, 18)))) == [(KEY, 9, True), (DELTA, 18, False)]


def test_constant_times_are_told_apart_by_packs_and_slices() -> None:
    stream = b"".join(pack(video_pes(data, 0)) for data in (KEY, DELTA, DELTA))
    assert [unit[0] for unit in video(demux(stream))] == [KEY, DELTA, DELTA]


def test_pictures_without_any_time_are_told_apart_by_packs() -> None:
    stream = b"".join(pack(video_pes(data)) for data in (KEY, DELTA, KEY))
    assert video(demux(stream)) == [(KEY, None, True), (DELTA, None, False), (KEY, None, True)]


def test_rtp_timestamp_ends_pictures_and_stands_in_for_their_time() -> None:
    demuxer = PsDemuxer()
    units: list[AccessUnit] = []
    for timestamp, data in ((10, KEY), (20, DELTA), (30, DELTA)):
        units += demuxer.receive(video_pes(data), timestamp)
    assert video(units + demuxer.flush()) == [(KEY, 10, True), (DELTA, 20, False), (DELTA, 30, False)]


def test_pes_without_a_length_runs_to_the_next_start_code() -> None:
    """Q91, GB-C121."""
    open_ended = bytearray(video_pes(KEY, 9))
    open_ended[4:6] = b"\x00\x00"
    stream = pack(bytes(open_ended)) + pack(video_pes(DELTA, 18))
    for step in (None, 1, 7):
        assert video(demux(stream, step)) == [(KEY, 9, True), (DELTA, 18, False)]


def test_pes_without_a_length_ends_with_its_rtp_frame() -> None:
    open_ended = bytearray(video_pes(KEY, 9))
    open_ended[4:6] = b"\x00\x00"
    demuxer = PsDemuxer()
    assert demuxer.receive(pack(bytes(open_ended)), 9) == []
    units = demuxer.receive(pack(video_pes(DELTA, 18)), 18) + demuxer.flush()
    assert video(units) == [(KEY, 9, True), (DELTA, 18, False)]


def test_length_that_is_too_small_loses_nothing() -> None:
    short = bytearray(video_pes(KEY, 9))
    short[4:6] = (int.from_bytes(short[4:6]) - 3).to_bytes(2)
    stream = pack(bytes(short)) + pack(video_pes(DELTA, 18))
    for step in (None, 5):
        assert video(demux(stream, step)) == [(KEY, 9, True), (DELTA, 18, False)]


def test_length_that_is_too_large_is_cut_at_the_next_header() -> None:
    long = bytearray(video_pes(KEY, 9))
    long[4:6] = (int.from_bytes(long[4:6]) + 20).to_bytes(2)
    stream = pack(bytes(long)) + pack(video_pes(DELTA, 18)) + pack(video_pes(DELTA, 27))
    assert video(demux(stream)) == [(KEY, 9, True), (DELTA, 18, False), (DELTA, 27, False)]


@pytest.mark.parametrize("code", [0xBD, 0xBE, 0xBF, 0xF0, 0xFF])
def test_private_units_are_skipped(code: int) -> None:
    """Q84, GB-C121."""
    private = bytes([0, 0, 1, code, 0, 6]) + b"secret"
    assert video(demux(pack(private, video_pes(KEY, 9), private))) == [(KEY, 9, True)]


def test_private_stream_is_sound_only_when_the_map_says_so() -> None:
    stream_map = ps_format.program_stream_map([MapEntry(0x1B, 0xE0), MapEntry(0x90, 0xBD)])
    units = demux(pack(stream_map, video_pes(KEY, 9), ps_format.pes_packet(0xBD, SOUND, 9)))
    assert [unit.data for unit in units if not unit.is_video] == [SOUND]


def test_empty_packs_are_ignored() -> None:
    """Q85."""
    assert video(demux(pack(video_pes(b"")) + pack(video_pes(KEY, 9)))) == [(KEY, 9, True)]


def test_stuffing_is_skipped_unread() -> None:
    """Q82."""
    stream = ps_format.pack_header(0, stuffing=b"\x00\x00\x01\xe0ab") + video_pes(KEY, 9)
    for step in (None, 1, 15):
        assert video(demux(stream, step)) == [(KEY, 9, True)]


def test_mpeg_1_headers_are_accepted() -> None:
    head = b"\x00\x00\x01\xba\x21\x00\x01\x00\x01\x80\x00\x01"
    body = b"\xff\xff\x60\x00" + ps_format.encode_timestamp(0b0010, 9) + KEY
    both = ps_format.encode_timestamp(0b0011, 18) + ps_format.encode_timestamp(0b0001, 17) + DELTA
    none = b"\x0f" + DELTA
    stream = head
    for payload in (body, both):
        stream += head + b"\x00\x00\x01\xe0" + len(payload).to_bytes(2) + payload
    stream += head + b"\x00\x00\x01\xe0" + len(none).to_bytes(2) + none
    assert video(demux(stream)) == [(KEY, 9, True), (DELTA, 18, False), (DELTA, None, False)]


def test_foreign_units_between_packets_are_skipped() -> None:
    """Q89: Tiandy's 00 00 01 AF."""
    foreign = b"\x00\x00\x01\xaf\x00\x04abcd"
    assert video(demux(pack(video_pes(KEY, 9), foreign) + pack(video_pes(DELTA, 18)))) == [
        (KEY, 9, True),
        (DELTA, 18, False),
    ]


def test_adts_says_aac_whatever_the_map_says() -> None:
    """Q88: Dahua."""
    stream_map = ps_format.program_stream_map([MapEntry(0x1B, 0xE0), MapEntry(0x90, 0xC0)])
    units = demux(pack(stream_map, ps_format.pes_packet(0xC0, b"\xff\xf1\x60\x40\x02\x1f\xfc" + SOUND, 9)))
    assert [unit.codec for unit in units] == [AudioCodec.AAC]


def test_sound_without_a_pack_header_and_without_a_map_is_a_law() -> None:
    """Q101."""
    [unit] = demux(ps_format.pes_packet(0xC0, SOUND, 9))
    assert (unit.codec, unit.pts_90k) == (AudioCodec.G711A, 9)


def test_trailing_zeros_are_stripped_and_end_codes_skipped() -> None:
    stream = pack(video_pes(KEY + b"\x00\x00\x00", 9)) + ps_format.END_CODE + pack(video_pes(DELTA, 18))
    assert video(demux(stream)) == [(KEY, 9, True), (DELTA, 18, False)]


def test_rubbish_before_the_stream_is_counted_and_skipped() -> None:
    demuxer = PsDemuxer()
    units = demuxer.receive(b"rubbish" * 10 + pack(video_pes(KEY, 9))) + demuxer.flush()
    assert video(units) == [(KEY, 9, True)]
    assert demuxer.skipped_bytes == 70


def test_buffer_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ps_demux, "MAX_BUFFER_BYTES", 1000)
    open_ended = bytearray(video_pes(b"\x00\x00\x01\x41" + b"x" * 986, 9))
    open_ended[4:6] = b"\x00\x00"
    demuxer = PsDemuxer()
    demuxer.receive(bytes(open_ended[:1000]))
    assert demuxer.skipped_bytes == 0
    demuxer.receive(b"y")
    assert demuxer.skipped_bytes == 1001
    assert video(demuxer.receive(pack(video_pes(KEY, 9))) + demuxer.flush()) == [(KEY, 9, True)]


def test_vectors_for_other_implementations_read_as_described() -> None:
    """The files that the native demuxer is held against too; ``SOURCES.md`` says what is in them."""
    for path in sorted(VECTORS.glob("*.ps")):
        units = demux(path.read_bytes())
        described = [line.split() for line in path.with_suffix(".txt").read_text().splitlines()]
        assert [
            [str(unit.codec), str(unit.pts_90k), str(unit.keyframe), str(len(unit.data))] for unit in units
        ] == described
        times = [unit.pts_90k or 0 for unit in units if unit.is_video]
        assert all(first < second for first, second in pairwise(times))
