"""Hostile bytes for the readers of commands, PTZ frames and the answers about camera heads."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.camera_commands import (
    DragZoom,
    HomePosition,
    PictureArea,
    PtzCommand,
    PtzPrecise,
    TargetTrack,
    TrackMode,
    ZoomDirection,
)
from sipserver.gb.control_commands import AlarmReset, DeviceUpgrade, GuardCommand, RecordCommand
from sipserver.gb.errors import MalformedDocument, MalformedPtz
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import Message, read_message
from sipserver.gb.messages.cruise_track import (
    CruisePoint,
    CruiseTrack,
    CruiseTrackListResponse,
    CruiseTrackResponse,
)
from sipserver.gb.messages.device_control import DeviceControl, DeviceControlResponse
from sipserver.gb.messages.home_position_query import HomePositionResponse
from sipserver.gb.messages.preset_query import NamedPreset, PresetQueryResponse
from sipserver.gb.messages.ptz_position import PtzPosition, PtzPositionResponse
from sipserver.gb.ptz import read_instruction
from sipserver.gb.ptz_frame import PtzFrame

CHANNEL = GbId("34020000001320000012")
AREA = PictureArea(1280, 720, 400, 260, 240, 135)
MESSAGES: list[Message] = [
    *(
        DeviceControl("1", CHANNEL, command)
        for command in (
            PtzCommand("A50F01880100003E", "大门", "巡", 5),
            RecordCommand(True, 1),
            GuardCommand(False),
            AlarmReset("2", "1"),
            DragZoom(ZoomDirection.OUT, AREA),
            HomePosition(True, 60, 5),
            PtzPrecise(1.0, 2.0, 3.0),
            DeviceUpgrade("1.2", "http://192.0.2.1/f", "demo", "a" * 32),
            TargetTrack(TrackMode.MANUAL, CHANNEL, AREA),
        )
    ),
    DeviceControlResponse("1", CHANNEL),
    PresetQueryResponse("1", CHANNEL, (NamedPreset(1, "门"), NamedPreset(2, ""))),
    HomePositionResponse("1", CHANNEL, HomePosition(True, 60, 5)),
    CruiseTrackListResponse("1", CHANNEL, (CruiseTrack(0, "a"), CruiseTrack(1))),
    CruiseTrackResponse("1", CHANNEL, 0, "a", (CruisePoint(1, 5, 8),)),
    PtzPositionResponse("1", CHANNEL, PtzPosition(1.0, 2.0, 3.0)),
]
BODIES = [serialize_document(message.to_xml()) for message in MESSAGES]
TOKENS = [
    b"9" * 30,
    b"-1",
    b"1e999",
    b"NaN",
    b"<Item>",
    b"</Item>",
    b"<Info>",
    b"<HomePosition/>",
    b"&",
    b"<",
    b"\0",
    b"\xff",
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 30)), len(data))
        data[at:end] = draw(
            st.sampled_from(TOKENS) | st.binary(max_size=6) | st.just(bytes(data[at:end]) * 2)
        )
    return bytes(data)


@given(damaged())
def test_damaged_commands_and_answers_give_a_value_or_a_typed_error(body: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        read_message(parse_document(body))


@given(st.text(max_size=40) | st.text("0123456789abcdefABCDEF \t\n", max_size=40))
def test_any_text_is_a_frame_or_a_typed_error(text: str) -> None:
    with contextlib.suppress(MalformedPtz):
        read_instruction(PtzFrame.parse(text))


@given(st.binary(min_size=7, max_size=7))
def test_any_frame_with_a_right_checksum_is_read_as_what_it_will_be_written(head: bytes) -> None:
    """What is understood of a frame is what is sent on for it; its meaning never changes on the way."""
    head = b"\xa5" + head[1:]
    text = (head + bytes((sum(head) % 256,))).hex()
    with contextlib.suppress(MalformedPtz):
        instruction = read_instruction(PtzFrame.parse(text))
        assert (
            read_instruction(PtzFrame.parse(instruction.to_frame().serialize(), strict=True)) == instruction
        )
