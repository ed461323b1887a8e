"""MobilePosition and VideoUploadNotify. GB-C079, GB-C081, Q47, Q48."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import gb_time, manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import read_message
from sipserver.gb.messages.mobile_position import (
    DEFAULT_INTERVAL_S,
    MobilePositionNotify,
    MobilePositionQuery,
    Position,
    fix,
)
from sipserver.gb.messages.video_upload import VideoUploadNotify

DEVICE = GbId("34020000001320000012")
START = datetime(2024, 5, 1, 8, tzinfo=gb_time.BEIJING)
IDS = st.from_regex(r"[0-9]{20}", fullmatch=True).map(GbId)
TIMES = st.integers(0, 10**8).map(lambda seconds: START + timedelta(seconds=seconds))
FIXES = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).filter(lambda pair: pair != (0, 0))


def numbers(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


@st.composite
def positions(draw: st.DrawFn, device_id: GbId | None = None) -> Position:
    longitude, latitude = draw(FIXES)
    return Position(
        device_id or draw(IDS),
        draw(TIMES),
        longitude,
        latitude,
        draw(numbers(0, 400)),
        draw(numbers(0, 359.5)),
        draw(numbers(-500, 9000)),
        draw(numbers(0, 1000)),
    )


def again(message: MobilePositionNotify | MobilePositionQuery | VideoUploadNotify) -> object:
    return read_message(manscdp.parse_document(manscdp.serialize_document(message.to_xml())))


@given(positions(DEVICE))
def test_the_flat_form_is_read_as_it_was_written(position: Position) -> None:
    """GB-C079."""
    notify = MobilePositionNotify("7", DEVICE, (position,))
    assert again(notify) == notify


@given(st.lists(positions(), max_size=4))
def test_the_list_form_is_read_as_it_was_written(found: list[Position]) -> None:
    """GB-C079."""
    notify = MobilePositionNotify("7", DEVICE, tuple(found), is_list=True)
    read = again(notify)
    assert isinstance(read, MobilePositionNotify)
    if found:
        assert read == notify


@given(IDS, st.integers(1, 86_400))
def test_the_query_is_read_as_it_was_written(device_id: GbId, interval_s: int) -> None:
    query = MobilePositionQuery("1", device_id, interval_s)
    assert again(query) == query


@given(IDS, st.none() | TIMES, FIXES)
def test_the_offer_of_video_is_read_as_it_was_written(
    device_id: GbId, time: datetime | None, place: tuple[float, float]
) -> None:
    """GB-C081."""
    notify = VideoUploadNotify("3", device_id, time, *place)
    assert again(notify) == notify


def _read(inside: str) -> MobilePositionNotify:
    body = f"<Notify><CmdType>MobilePosition</CmdType><SN>1</SN>{inside}</Notify>"
    message = read_message(manscdp.parse_document(body.encode()))
    assert isinstance(message, MobilePositionNotify)
    return message


def test_the_form_of_2016_as_printed() -> None:
    read = _read(
        "<Time>2024-05-01T08:00:00</Time><Longitude>117.3</Longitude><Latitude>31.8</Latitude>"
        "<Speed>36.5</Speed><Direction>450</Direction><Altitude>-3</Altitude>"
    )
    # Without DeviceID: the sender is meant.
    assert read.positions == (Position(GbId(""), START, 117.3, 31.8, 36.5, 90.0, -3.0),)


def test_the_form_of_2022_as_printed() -> None:
    read = _read(
        f"<DeviceID>{DEVICE}</DeviceID><Time>2024-05-01T08:00:09</Time><SumNum>2</SumNum>"
        '<DeviceList Num="2"><Item><DeviceID>34020000001320000013</DeviceID>'
        "<CaptureTime>2024-05-01T08:00:00</CaptureTime><Longitude>1</Longitude><Latitude>2</Latitude>"
        "<Height>12</Height></Item><Item><DeviceID>!</DeviceID></Item>"
        "<Item><Longitude>1</Longitude><Latitude>2</Latitude></Item></DeviceList>"
    )
    first, second = read.positions
    assert first == Position(GbId("34020000001320000013"), START, 1.0, 2.0, height_m=12.0)
    # An item without an id is the device's own, one without a time has that of the document.
    assert second == Position(DEVICE, START + timedelta(seconds=9), 1.0, 2.0)
    assert (read.unusable, read.is_list) == (1, True)


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [("0", "0"), ("0.0", "-0.0"), ("", ""), ("117", ""), ("nan", "1"), ("181", "1"), ("1", "91"), ("x", "y")],
)
def test_places_that_are_none(longitude: str, latitude: str) -> None:
    """Q48."""
    assert fix(longitude, latitude) == (None, None)
    inside = f"<DeviceID>{DEVICE}</DeviceID><Longitude>{longitude}</Longitude><Latitude>{latitude}</Latitude>"
    assert not _read(inside).positions[0].has_fix


def test_the_equator_is_a_place() -> None:
    assert fix("117.3", "0") == (117.3, 0.0)


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00", "9999-12-31T23:59:59", ""])
def test_impossible_times_are_not_said(text: str) -> None:
    inside = f"<DeviceID>{DEVICE}</DeviceID><Time>{text}</Time><Longitude>1</Longitude><Latitude>1</Latitude>"
    assert _read(inside).positions[0].time is None


@pytest.mark.parametrize("interval", ["0", "-5", "99999999", "x", ""])
def test_an_impossible_interval_is_the_default(interval: str) -> None:
    body = f"<Query><CmdType>MobilePosition</CmdType><SN>1</SN><DeviceID>{DEVICE}</DeviceID>"
    body += f"<Interval>{interval}</Interval></Query>"
    message = read_message(manscdp.parse_document(body.encode()))
    assert message == MobilePositionQuery("1", DEVICE, DEFAULT_INTERVAL_S)


def test_an_impossible_device_id_is_malformed() -> None:
    with pytest.raises(MalformedDocument):
        _read("<DeviceID>!</DeviceID>")
