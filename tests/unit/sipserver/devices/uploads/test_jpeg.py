"""Whole JPEG files are told from anything else, and measured."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.uploads.jpeg import SIDE_MAX, JpegSize, NotJpeg, measure_jpeg
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.stills import draw_jpeg

WHOLE = draw_jpeg(PictureSettings(width=320, height=192), datetime(2024, 5, 1, tzinfo=UTC), 1)


def frame(height: int, width: int) -> bytes:
    return (
        b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    )


def picture(header: bytes) -> bytes:
    return b"\xff\xd8" + header + b"\xff\xda\x00\x02data\xff\xd9"


def test_a_picture_of_ffmpeg_is_measured() -> None:
    assert measure_jpeg(WHOLE) == JpegSize(320, 192)


def test_padding_after_the_end_and_before_markers_is_allowed() -> None:
    assert measure_jpeg(WHOLE + bytes(512)) == JpegSize(320, 192)
    assert measure_jpeg(picture(b"\xff\xff" + frame(48, 64))) == JpegSize(64, 48)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_part_of_a_picture_is_none(share: float) -> None:
    with pytest.raises(NotJpeg):
        measure_jpeg(WHOLE[: int(len(WHOLE) * share)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<html></html>",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        picture(b""),
        picture(b"\xff\xc0\x00\x04\x08\x00"),
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 1001 + frame(48, 64) + b"\xff\xda\x00\x02\xff\xd9",
        b"\xff\xd8\xff\xe0\xff\xff",
    ],
)
def test_other_files_are_none(data: bytes) -> None:
    with pytest.raises(NotJpeg):
        measure_jpeg(data)


def test_sides_have_a_limit() -> None:
    assert measure_jpeg(picture(frame(SIDE_MAX, 1))) == JpegSize(1, SIDE_MAX)
    for height, width in ((SIDE_MAX + 1, 1), (1, SIDE_MAX + 1), (0, 1), (1, 0)):
        with pytest.raises(NotJpeg):
            measure_jpeg(picture(frame(height, width)))


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 50))
def test_any_bytes_are_measured_or_refused(noise: bytes, at: int, cut: int) -> None:
    data = bytearray(WHOLE[:600])
    data[at : at + cut] = noise
    try:
        size = measure_jpeg(bytes(data))
    except NotJpeg:
        return
    assert size.width > 0
    assert size.height > 0
