"""Hostile alarms, subscriptions and answers: a value within its bounds, or a typed error."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.alarm_tables import describe
from sipserver.gb.errors import MalformedText
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages.alarm import (
    MAX_EXTRA,
    MAX_NUMBER,
    MAX_TEXT,
    AlarmNotify,
    AlarmQuery,
    AlarmResponse,
)

FIELDS = (
    "AlarmPriority", "AlarmMethod", "AlarmTime", "AlarmDescription", "Longitude", "Latitude", "AlarmType",
    "EventType", "Info", "ExtraInfo", "AlarmTypeParam", "StartAlarmPriority", "EndAlarmPriority",
    "StartAlarmTime", "EndAlarmTime", "Result",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "7", "8", "1/2", "9" * 30, "nan", "inf", "1e400", "-0.0", "181", "OK", "ERROR"]
    ),
    st.sampled_from(["2024-05-01T10:20:30", "0001-01-01T00:00:00Z", "9999-12-31T24:00:00", "2024-02-30"]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=40).map(lambda text: text.replace("<", "").replace("&", "")),
    st.integers(1000, 3000).map("东".__mul__),
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 2) -> str:
    name = draw(st.sampled_from(FIELDS))
    nested = depth and draw(st.booleans())
    inner = "".join(draw(st.lists(elements(depth - 1), max_size=4))) if nested else draw(VALUES)
    return f"<{name}>{inner}</{name}>"


@st.composite
def documents(draw: st.DrawFn, root: str) -> bytes:
    device_id = draw(st.sampled_from(["34020000001320000012", "", "x", "9" * 64, "9" * 65, "../.."]))
    inner = "".join(draw(st.lists(elements(), max_size=12)))
    text = f"<{root}><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>{device_id}</DeviceID>{inner}</{root}>"
    data = bytearray(text.encode())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


@given(documents("Notify"))
def test_any_alarm_is_read_within_its_bounds_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedText):
        alarm = AlarmNotify.from_xml(parse_document(data).element)
        assert alarm.priority in range(5)
        assert alarm.method in range(8)
        assert alarm.alarm_type is None or 0 <= alarm.alarm_type <= MAX_NUMBER
        assert len(alarm.description) <= MAX_TEXT
        assert len(alarm.type_text) <= MAX_TEXT
        assert len(alarm.extra) <= MAX_EXTRA
        assert (alarm.longitude is None) == (alarm.latitude is None)
        assert describe(alarm.method, alarm.alarm_type, alarm.event_type).english
        again = AlarmNotify.from_xml(parse_document(serialize_document(alarm.to_xml())).element)
        assert (again.method, again.alarm_type, again.alarm_time) == (
            alarm.method,
            alarm.alarm_type,
            None if alarm.alarm_time is None else alarm.alarm_time.replace(microsecond=0),
        )


@given(documents("Query"), documents("Notify"))
def test_any_subscription_is_read_or_malformed_and_can_be_matched(query: bytes, notify: bytes) -> None:
    with contextlib.suppress(MalformedText):
        wanted = AlarmQuery.from_xml(parse_document(query).element)
        serialize_document(wanted.to_xml())
        wanted.matches(AlarmNotify.from_xml(parse_document(notify).element))


@given(documents("Response"))
def test_any_answer_is_read_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedText):
        answer = AlarmResponse.from_xml(parse_document(data).element)
        assert isinstance(answer.ok, bool)
