"""avcC, hvcC and packets of other containers become Annex B."""

from __future__ import annotations

import pytest

from media.sources.annexb import START, MalformedRecord, VideoForm
from tests.support.moving_clip import clip, units_of

SPS, PPS = bytes.fromhex("6742c01ed900a02ff961"), bytes.fromhex("68cb83cb20")


def _avcc(length_size: int = 4) -> bytes:
    sets = b"\xe1" + len(SPS).to_bytes(2, "big") + SPS + b"\x01" + len(PPS).to_bytes(2, "big") + PPS
    return bytes([1, 0x42, 0xC0, 0x1E, 0xFC | length_size - 1]) + sets


def _hvcc(sets: list[bytes]) -> bytes:
    head = bytearray(23)
    head[0], head[21], head[22] = 1, 0x03, len(sets)
    arrays = b"".join(
        bytes([unit[0] >> 1 & 0x3F]) + b"\x00\x01" + len(unit).to_bytes(2, "big") + unit for unit in sets
    )
    return bytes(head) + arrays


@pytest.mark.parametrize("size", [1, 2, 4])
def test_lengths_become_start_codes_and_a_key_frame_gets_its_parameter_sets(size: int) -> None:
    form = VideoForm.read(False, _avcc(size))
    slice_ = b"\x65" + b"\x88" * 20
    packet = len(slice_).to_bytes(size, "big") + slice_
    assert form.annexb(packet, True) == START + SPS + START + PPS + START + slice_
    assert form.annexb(packet, False) == START + slice_


def test_parameter_sets_that_are_there_are_not_doubled() -> None:
    form = VideoForm.read(False, _avcc())
    units = [b"\x09\xf0", SPS, PPS, b"\x65" + b"\x88" * 9]
    packet = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    assert form.annexb(packet, True) == b"".join(START + unit for unit in units)


def test_hvcc_is_read_as_well() -> None:
    sets = clip("H265").parameter_sets
    form = VideoForm.read(True, _hvcc(sets))
    assert (form.is_h265, form.length_size) == (True, 4)
    assert units_of(form.parameter_sets) == sets


def test_annexb_passes_and_gets_the_sets_of_the_description() -> None:
    first = clip("H264").pictures[0]
    sets = b"".join(START + unit for unit in clip("H264").parameter_sets)
    form = VideoForm.read(False, sets)
    assert form.annexb(first.annexb, True) == first.annexb
    bare = b"".join(START + unit for unit in units_of(first.annexb) if not clip("H264").is_set(unit))
    assert form.annexb(bare, True) == sets + bare


def test_a_unit_that_claims_too_much_is_dropped_with_the_rest() -> None:
    form = VideoForm.read(False, _avcc())
    whole = b"\x41" + b"\x9a" * 5
    packet = len(whole).to_bytes(4, "big") + whole + b"\x00\x00\xff\xff\x41\x9a"
    assert form.annexb(packet, False) == START + whole
    assert form.annexb(b"\x00\x00", False) == b""


@pytest.mark.parametrize(
    ("is_h265", "record"),
    [
        (False, b"\x01"),
        (False, b"\x02" * 30),
        (False, _avcc()[:-3]),
        (True, b"\x01"),
        (True, b"\x02" * 30),
        (True, _hvcc([b"\x40\x01"])[:-1]),
    ],
)
def test_a_broken_record_is_refused(is_h265: bool, record: bytes) -> None:
    with pytest.raises(MalformedRecord):
        VideoForm.read(is_h265, record)


def test_too_many_parameter_sets_are_refused() -> None:
    head = bytearray(23)
    head[0], head[22] = 1, 255
    array = b"\x20\x00\x40" + b"\x00\x01\x40" * 64
    with pytest.raises(MalformedRecord, match="more than 64"):
        VideoForm.read(True, bytes(head) + array * 255)
