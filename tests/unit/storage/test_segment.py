"""Our fMP4 is read back, and mended after kill -9, wherever the writer was cut."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.columns import from_us
from catalog.model import RetentionClass
from storage.boxes import MovieFragment, children, parse_moof, read_header
from storage.errors import SegmentUnreadable
from storage.metadata import SegmentMetadata, parse_user_boxes
from storage.segment import recover, scan
from tests.unit.storage.fmp4 import Run, box, fragment, full, head, movie, second

METADATA = SegmentMetadata("34020000001180000005", "34020000001320000012", "ab" * 16, RetentionClass.KEY)


def _write(path: Path, data: bytes) -> Path:
    file = path / "a.mp4"
    file.write_bytes(data)
    return file


def test_whole_file_is_described_and_left_alone(tmp_path: Path) -> None:
    data = movie(7, METADATA.serialize())
    found = scan(_write(tmp_path, data))
    assert found.is_whole
    assert len(found.fragments) == 7
    assert [each.sequence for each in found.fragments] == [1, 2, 3, 4, 5, 6, 7]
    assert found.duration_s == pytest.approx(7)
    assert (found.video_codec, found.audio_codec, found.width, found.height) == ("H264", "FLAC", 640, 360)
    assert sum(each.size_bytes for each in found.fragments) + found.fragments[0].offset == len(data)
    start_time, metadata = parse_user_boxes(found.user_boxes)
    assert (start_time, metadata) == (from_us(1_700_000_000_000_000), METADATA)


def test_every_cut_leaves_exactly_the_whole_fragments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process can be killed after any byte: nothing whole is lost, nothing torn remains."""
    monkeypatch.setattr("os.fsync", lambda _: None)  # thousands of files, and no power cut is tested
    header, parts = head(METADATA.serialize()), [second(number, frames=1) for number in (1, 2, 3)]
    data = header + b"".join(parts)
    ends = [len(header)]
    for part in parts:
        ends.append(ends[-1] + len(part))
    file = tmp_path / "a.mp4"
    for cut in range(len(header), len(data) + 1):
        file.write_bytes(data[:cut])
        expected = max(end for end in ends if end <= cut)
        found = recover(file)
        assert file.stat().st_size == found.whole_bytes == expected, f"cut after {cut} bytes"
        assert len(found.fragments) == ends.index(expected)
        assert found.duration_s == pytest.approx(ends.index(expected))
        assert recover(file) == found


def test_recovery_changes_nothing_but_tail_and_length(tmp_path: Path) -> None:
    data = movie(3) + b"\0\0\0\x40moof"
    file = _write(tmp_path, data)
    mehd = data.index(b"mehd") + 8
    found = recover(file)
    mended = file.read_bytes()
    assert found.mehd_at == mehd
    assert struct.unpack(">Q", mended[mehd : mehd + 8]) == (3 * 90_000,)
    assert mended[:mehd] + bytes(8) + mended[mehd + 8 :] == movie(3)


def test_length_that_the_recorder_wrote_is_not_replaced(tmp_path: Path) -> None:
    data = bytearray(movie(2))
    mehd = data.index(b"mehd") + 8
    data[mehd : mehd + 8] = struct.pack(">Q", 12345)
    file = _write(tmp_path, bytes(data))
    recover(file)
    assert file.read_bytes() == bytes(data)


@pytest.mark.parametrize(
    "tail", [bytes(4096), b"\xff" * 100, b"\0\0\0\0mdat", struct.pack(">I4sQ", 1, b"mdat", 2**60)]
)
def test_garbage_after_the_last_fragment_is_cut(tmp_path: Path, tail: bytes) -> None:
    """Zeros are what a file system leaves of data that it never wrote."""
    found = recover(_write(tmp_path, movie(2) + tail))
    assert found.whole_bytes == len(movie(2))


def test_every_cut_in_the_header_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    header = head(METADATA.serialize())
    for cut in range(0, len(header), 3):
        file = _write(tmp_path, header[:cut])
        with pytest.raises(SegmentUnreadable):
            recover(file)
        assert file.read_bytes() == header[:cut]


def test_header_alone_holds_no_picture(tmp_path: Path) -> None:
    found = recover(_write(tmp_path, head()))
    assert not found.has_pictures
    assert found.duration_s == 0


def test_fragment_whose_samples_lie_outside_its_data_is_not_whole(tmp_path: Path) -> None:
    liar = bytearray(second(3))
    at = liar.index(b"trun") + 16
    liar[at + 4 : at + 8] = struct.pack(">I", 1 << 20)
    found = recover(_write(tmp_path, movie(2) + bytes(liar)))
    assert (len(found.fragments), found.whole_bytes) == (2, len(movie(2)))


def test_bad_fragment_between_whole_ones_is_counted_and_kept(tmp_path: Path) -> None:
    """Cutting there would lose the whole fragments behind it."""
    liar = bytearray(second(2))
    liar[liar.index(b"trun") + 8 : liar.index(b"trun") + 12] = struct.pack(">I", 2**31)
    data = head() + second(1) + bytes(liar) + second(3)
    found = recover(_write(tmp_path, data))
    assert (len(found.fragments), found.damaged, found.whole_bytes) == (2, 1, len(data))


def test_boxes_of_other_writers_are_stepped_over(tmp_path: Path) -> None:
    data = (
        head() + box(b"free", bytes(9)) + second(1) + box(b"styp", b"msdh") + second(2) + box(b"mfra", b"x")
    )
    found = recover(_write(tmp_path, data))
    assert (len(found.fragments), found.is_whole) == (2, True)


def test_defaults_of_track_and_fragment_header_count(tmp_path: Path) -> None:
    """Durations and sizes may stand in trex or tfhd instead of trun."""
    moov = head(audio=False)
    trex = moov.index(b"trex") + 8
    moov = moov[: trex + 8] + struct.pack(">II", 18_000, 10) + moov[trex + 16 :]
    traf = box(
        b"traf",
        full(b"tfhd", 0, 0x020000, struct.pack(">I", 1)),
        full(b"tfdt", 0, 0, struct.pack(">I", 90_000)),
        full(b"trun", 0, 0x000001, struct.pack(">Ii", 5, 0)),
    )
    moof = box(b"moof", full(b"mfhd", 0, 0, struct.pack(">I", 9)), traf)
    data = moov + moof + box(b"mdat", bytes(200))
    found = scan(_write(tmp_path, data))
    assert (found.fragments[0].start_s, found.fragments[0].duration_s) == (1.0, 1.0)


def test_large_box_headers_are_read() -> None:
    header = struct.pack(">I4sQ", 1, b"mdat", 20) + bytes(4)
    assert read_header(header[:16], 100, 120) == (b"mdat", 100, 116, 120)
    assert read_header(header[:16], 100, 119) is None
    assert read_header(header[:12], 100, 120) is None
    assert read_header(struct.pack(">I4sQ", 1, b"mdat", 15), 0, 100) is None


def test_box_that_leaves_its_parent_is_refused() -> None:
    with pytest.raises(SegmentUnreadable):
        list(children(box(b"abcd", b"1234")[:-1]))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_damage_ends_in_a_scan_or_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    data = bytearray(movie(2, METADATA.serialize()))
    data[at : at + len(noise)] = noise
    file = tmp_path_factory.mktemp("noise") / "a.mp4"
    file.write_bytes(data)
    try:
        found = recover(file)
    except SegmentUnreadable:
        return
    assert found.whole_bytes <= len(data)
    assert scan(file).is_whole


@given(st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=6), min_size=1, max_size=5))
def test_durations_add_up(tmp_path_factory: pytest.TempPathFactory, durations: list[list[int]]) -> None:
    data, start = head(audio=False), 0
    for number, samples in enumerate(durations, 1):
        data += fragment(number, Run(1, start, tuple((duration, b"x") for duration in samples)))
        start += sum(samples)
    file = tmp_path_factory.mktemp("durations") / "a.mp4"
    file.write_bytes(data)
    assert scan(file).duration_s == pytest.approx(start / 90_000)


@given(st.binary(max_size=200))
def test_any_moof_is_parsed_or_refused(data: bytes) -> None:
    try:
        assert isinstance(parse_moof(box(b"moof", data), 8, {}), MovieFragment)
    except (SegmentUnreadable, IndexError):
        return


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"device_id":1}',
        METADATA.serialize().replace(b"34020000001320000012", b""),
    ],
)
def test_foreign_metadata_is_refused(data: bytes) -> None:
    with pytest.raises(SegmentUnreadable):
        SegmentMetadata.parse(data)


def test_class_of_a_newer_version_is_kept_longest() -> None:
    parsed = SegmentMetadata.parse(METADATA.serialize().replace(b'"key"', b'"evidence"'))
    assert parsed.retention_class is RetentionClass.KEY


@pytest.mark.parametrize("boxes", [(), (b"x" * 40,), (b"tongshi-segment\x01" + bytes(8) + b"{}",)])
def test_file_without_our_box_is_foreign(boxes: tuple[bytes, ...]) -> None:
    with pytest.raises(SegmentUnreadable):
        parse_user_boxes(boxes)
