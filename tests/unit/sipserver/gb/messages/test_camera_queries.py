"""Presets, home position, cruises and position: asked and answered. GB-C067, GB-C076."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.camera_commands import HomePosition
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import Message, read_message
from sipserver.gb.messages.cruise_track import (
    CruisePoint,
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from sipserver.gb.messages.home_position_query import HomePositionQuery, HomePositionResponse
from sipserver.gb.messages.preset_query import NamedPreset, PresetQuery, PresetQueryResponse
from sipserver.gb.messages.ptz_position import (
    PtzPosition,
    PtzPositionNotify,
    PtzPositionQuery,
    PtzPositionResponse,
)

CHANNEL = GbId("34020000001320000012")

numbers = st.integers(-(10**6), 10**6)
names = st.text(st.characters(codec="gbk", exclude_categories=["C", "Z"]), max_size=20)
degrees = st.none() | numbers.map(lambda hundredths: hundredths / 100)
positions = st.builds(PtzPosition, degrees, degrees, degrees, degrees, degrees, degrees)
homes = st.none() | st.builds(HomePosition, st.booleans(), st.none() | numbers, st.none() | numbers)
points = st.builds(CruisePoint, numbers, st.none() | numbers, st.none() | numbers)
messages: st.SearchStrategy[Message] = st.one_of(
    st.just(PresetQuery("1", CHANNEL)),
    st.just(HomePositionQuery("1", CHANNEL)),
    st.just(CruiseTrackListQuery("1", CHANNEL)),
    st.builds(CruiseTrackQuery, st.just("1"), st.just(CHANNEL), numbers),
    st.just(PtzPositionQuery("1", CHANNEL)),
    st.builds(
        PresetQueryResponse,
        st.just("1"),
        st.just(CHANNEL),
        st.lists(st.builds(NamedPreset, numbers, names), max_size=5).map(tuple),
        st.booleans(),
    ),
    st.builds(HomePositionResponse, st.just("1"), st.just(CHANNEL), homes, st.booleans()),
    st.builds(
        CruiseTrackListResponse,
        st.just("1"),
        st.just(CHANNEL),
        st.lists(st.builds(CruiseTrack, numbers, names), max_size=5).map(tuple),
        st.booleans(),
    ),
    st.builds(
        CruiseTrackResponse,
        st.just("1"),
        st.just(CHANNEL),
        st.none() | numbers,
        names,
        st.lists(points, max_size=5).map(tuple),
        st.booleans(),
    ),
    st.builds(PtzPositionResponse, st.just("1"), st.just(CHANNEL), positions, st.booleans()),
    st.builds(PtzPositionNotify, st.just("1"), st.just(CHANNEL), positions),
)


@given(messages)
def test_every_message_is_read_as_it_was_written(message: Message) -> None:
    """GB-C076."""
    assert read_message(manscdp.parse_document(manscdp.serialize_document(message.to_xml()))) == message


def response(cmd_type: str, inside: str) -> Message | None:
    body = f"<Response><CmdType>{cmd_type}</CmdType><SN>1</SN><DeviceID>34</DeviceID>{inside}</Response>"
    return read_message(manscdp.parse_document(body.encode()))


def test_presets_are_read_padded_unnamed_and_without_a_number() -> None:
    """GB-C076, Q51: numbers may be padded, names empty; entries without a number are left out."""
    answer = response(
        "PresetQuery",
        "<SumNum>3</SumNum><PresetList Num='3'>"
        "<Item><PresetID>001</PresetID><PresetName>gate</PresetName></Item>"
        "<Item><PresetID>2</PresetID></Item><Item><PresetName>lost</PresetName></Item></PresetList>",
    )
    assert isinstance(answer, PresetQueryResponse)
    assert answer.presets == (NamedPreset(1, "gate"), NamedPreset(2, ""))


def test_a_home_position_under_another_name_is_the_answer() -> None:
    """GB-C067, Q39."""
    inside = "<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime><PresetIndex>5</PresetIndex>"
    answer = response("HomePosition", inside + "</HomePosition>")
    assert isinstance(answer, HomePositionResponse)
    assert answer.home == HomePosition(True, 30, 5)


def test_no_home_position_and_no_cruises_are_answers() -> None:
    assert response("HomePositionQuery", "") == HomePositionResponse("1", GbId("34"))
    assert response("CruiseTrackListQuery", "<SumNum>0</SumNum>") == CruiseTrackListResponse("1", GbId("34"))


def test_a_position_with_an_error_text_is_no_position() -> None:
    """3.7: what is said for a channel that cannot move."""
    answer = response("PTZPosition", "<Result>Error</Result><Pan>none</Pan><Tilt>nan</Tilt>")
    assert answer == PtzPositionResponse("1", GbId("34"), PtzPosition(), ok=False)


def test_points_without_a_preset_are_left_out() -> None:
    inside = "<Number>0</Number><CruisePointList><CruisePoint><StayTime>5</StayTime></CruisePoint>"
    inside += "<CruisePoint><PresetIndex>3</PresetIndex><Speed>fast</Speed></CruisePoint></CruisePointList>"
    answer = response("CruiseTrackQuery", inside)
    assert isinstance(answer, CruiseTrackResponse)
    assert (answer.number, answer.points) == (0, (CruisePoint(3),))


def test_a_home_position_that_does_not_say_whether_it_is_on_is_malformed() -> None:
    with pytest.raises(MalformedDocument):
        response("HomePositionQuery", "<HomePosition><ResetTime>30</ResetTime></HomePosition>")
