"""Alarm notify, its answer, and the body of a subscription."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import MalformedDocument
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import read_message
from sipserver.gb.messages.alarm import MAX_EXTRA, MAX_TEXT, AlarmNotify, AlarmQuery, AlarmResponse

CAMERA = GbId("34020000001320000012")
NOTIFY = """<?xml version="1.0" encoding="GB2312"?>
<Notify>
<CmdType>Alarm</CmdType>
<SN>78</SN>
<DeviceID>34020000001320000012</DeviceID>
<AlarmPriority>2</AlarmPriority>
<AlarmMethod>5</AlarmMethod>
<AlarmTime>2024-05-01T10:20:30</AlarmTime>
<Longitude>117.3</Longitude><Latitude>31.8</Latitude>
<Info><AlarmType>6</AlarmType><AlarmTypeParam><EventType>1</EventType></AlarmTypeParam></Info>
</Notify>
"""
MOMENT = datetime(2024, 5, 1, 10, 20, 30, tzinfo=BEIJING)

times = st.datetimes(datetime(1970, 1, 3), datetime(2999, 12, 30), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
texts = st.text("abc 东门报警", min_size=1, max_size=20).map(str.strip)
numbers = st.none() | st.integers(0, 2**31 - 1)


def notify_of(fields: str) -> AlarmNotify:
    body = f"<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>{CAMERA}</DeviceID>{fields}</Notify>"
    return AlarmNotify.from_xml(parse_document(body.encode()).element)


def test_the_example_of_the_standard_is_read() -> None:
    """Section 3.9 of the protocol notes."""
    assert read_message(parse_document(NOTIFY.encode("gb18030"))) == AlarmNotify(
        "78", CAMERA, 2, 5, MOMENT, longitude=117.3, latitude=31.8, alarm_type=6, event_type=1
    )


@given(
    st.builds(
        AlarmNotify,
        sn=st.integers(1, 2**31 - 1).map(str),
        device_id=st.just(CAMERA),
        priority=st.integers(0, 4),
        method=st.integers(0, 7),
        alarm_time=st.none() | times,
        description=texts | st.just(""),
        longitude=st.floats(-180, 180).filter(bool),
        latitude=st.floats(-90, 90).filter(bool),
        alarm_type=numbers,
        extra=st.lists(texts.filter(bool), max_size=MAX_EXTRA).map(tuple),
    )
)
def test_a_notify_comes_back_as_it_was(notify: AlarmNotify) -> None:
    again = parse_document(serialize_document(notify.to_xml()))
    assert AlarmNotify.from_xml(again.element) == notify


@given(
    st.builds(
        AlarmQuery,
        sn=st.just("5"),
        device_id=st.just(CAMERA),
        start_priority=st.integers(0, 4),
        end_priority=st.integers(0, 4),
        methods=st.sets(st.integers(1, 7), max_size=6).map(lambda found: tuple(sorted(found))),
        alarm_type=st.none() | st.integers(1, 100),
        start_time=st.none() | times,
        end_time=st.none() | times,
    )
)
def test_a_query_comes_back_as_it_was(query: AlarmQuery) -> None:
    again = parse_document(serialize_document(query.to_xml()))
    assert AlarmQuery.from_xml(again.element) == query


@pytest.mark.parametrize("ok", [True, False])
def test_an_answer_comes_back_as_it_was(ok: bool) -> None:
    answer = AlarmResponse("78", CAMERA, ok)
    assert AlarmResponse.from_xml(parse_document(serialize_document(answer.to_xml())).element) == answer


def test_the_answer_in_bytes() -> None:
    assert serialize_document(AlarmResponse("78", CAMERA).to_xml()) == (
        b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n'
        b"<CmdType>Alarm</CmdType>\r\n<SN>78</SN>\r\n"
        b"<DeviceID>34020000001320000012</DeviceID>\r\n<Result>OK</Result>\r\n</Response>\r\n"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", AlarmNotify("1", CAMERA)),
        ("<AlarmPriority>9</AlarmPriority><AlarmMethod>x</AlarmMethod>", AlarmNotify("1", CAMERA)),
        ("<AlarmTime>yesterday</AlarmTime>", AlarmNotify("1", CAMERA)),
        ("<AlarmTime>0001-01-01T00:00:00Z</AlarmTime>", AlarmNotify("1", CAMERA)),
        ("<Longitude>0</Longitude><Latitude>0.0</Latitude>", AlarmNotify("1", CAMERA)),
        ("<Longitude>200</Longitude><Latitude>1</Latitude>", AlarmNotify("1", CAMERA)),
        ("<Longitude>117.3</Longitude>", AlarmNotify("1", CAMERA)),
        ("<AlarmType>2</AlarmType>", AlarmNotify("1", CAMERA, alarm_type=2)),
        ("<Info><AlarmType>motion</AlarmType></Info>", AlarmNotify("1", CAMERA, type_text="motion")),
        (
            "<Info>first</Info><Info><AlarmType>1</AlarmType></Info><ExtraInfo>second</ExtraInfo>",
            AlarmNotify("1", CAMERA, alarm_type=1, extra=("first", "second")),
        ),
        ("<Info><EventType>2</EventType></Info>", AlarmNotify("1", CAMERA, event_type=2)),
        ("<alarmmethod>2</alarmmethod>", AlarmNotify("1", CAMERA, method=2)),
    ],
)
def test_what_devices_leave_out_or_get_wrong(fields: str, expected: AlarmNotify) -> None:
    """Q48 for 0/0; AlarmType beside Info, in text, or missing."""
    assert notify_of(fields) == expected


@pytest.mark.parametrize("device_id", ["", "not an id", "x" * 65])
def test_an_alarm_of_nobody_is_malformed(device_id: str) -> None:
    body = f"<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>{device_id}</DeviceID></Notify>"
    with pytest.raises(MalformedDocument):
        AlarmNotify.from_xml(parse_document(body.encode()).element)


def test_texts_of_an_alarm_are_bounded() -> None:
    many = "".join(f"<Info>{number}</Info>" for number in range(MAX_EXTRA + 5))
    notify = notify_of(f"<AlarmDescription>{'x' * (MAX_TEXT + 1)}</AlarmDescription>{many}")
    assert (len(notify.description), len(notify.extra)) == (MAX_TEXT, MAX_EXTRA)


@pytest.mark.parametrize(
    ("query", "wants"),
    [
        (AlarmQuery("1", CAMERA), True),
        (AlarmQuery("1", CAMERA, start_priority=1, end_priority=2), True),
        (AlarmQuery("1", CAMERA, start_priority=3), False),
        (AlarmQuery("1", CAMERA, end_priority=1), False),
        (AlarmQuery("1", CAMERA, methods=(2, 5)), True),
        (AlarmQuery("1", CAMERA, methods=(2,)), False),
        (AlarmQuery("1", CAMERA, alarm_type=6), True),
        (AlarmQuery("1", CAMERA, alarm_type=7), False),
        (AlarmQuery("1", CAMERA, start_time=MOMENT, end_time=MOMENT), True),
        (AlarmQuery("1", CAMERA, start_time=MOMENT + timedelta(seconds=1)), False),
        (AlarmQuery("1", CAMERA, end_time=MOMENT - timedelta(seconds=1)), False),
    ],
)
def test_a_subscriber_gets_what_its_conditions_say(query: AlarmQuery, wants: bool) -> None:
    alarm = AlarmNotify("78", CAMERA, 2, 5, MOMENT, alarm_type=6)
    assert query.matches(alarm) is wants
