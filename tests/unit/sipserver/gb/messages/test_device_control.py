"""DeviceControl: every command both ways. GB-C039, C063 to C067."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.camera_commands import CRUISE_NAME_BYTES_MAX
from sipserver.gb.editions import Edition, Feature, allows
from sipserver.gb.errors import LocalViolation, MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import read_message
from sipserver.gb.messages.device_control import (
    COMMANDS,
    AlarmReset,
    Command,
    DeviceControl,
    DeviceControlResponse,
    DeviceUpgrade,
    DragZoom,
    FormatSdCard,
    GuardCommand,
    HomePosition,
    KeyframeCommand,
    PictureArea,
    PtzCommand,
    PtzPrecise,
    RecordCommand,
    TargetTrack,
    TeleBoot,
    TrackMode,
    UnknownCommand,
    ZoomDirection,
)

CHANNEL = GbId("34020000001320000012")
AREA = PictureArea(1280, 720, 400, 260, 240, 135)

numbers = st.integers(-(10**9), 10**9)
texts = st.text(st.characters(codec="gbk", exclude_categories=["C", "Z"]), max_size=15)
areas = st.builds(PictureArea, numbers, numbers, numbers, numbers, numbers, numbers)
degrees = st.none() | st.integers(-36_000, 36_000).map(lambda hundredths: hundredths / 100)
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(PtzCommand, st.text("0123456789ABCDEF", min_size=1), texts, texts, st.none() | numbers),
    st.just(TeleBoot()),
    st.builds(RecordCommand, st.booleans(), st.none() | numbers),
    st.builds(GuardCommand, st.booleans()),
    st.builds(AlarmReset, texts, texts),
    st.builds(KeyframeCommand, st.sampled_from(["IFrameCmd", "IFameCmd"])),
    st.builds(DragZoom, st.sampled_from(ZoomDirection), areas),
    st.builds(HomePosition, st.booleans(), st.none() | numbers, st.none() | numbers),
    st.builds(PtzPrecise, degrees, degrees, degrees),
    st.builds(DeviceUpgrade, texts, texts, texts, texts),
    st.builds(FormatSdCard, numbers),
    st.builds(TargetTrack, st.sampled_from(TrackMode), st.none() | st.just(CHANNEL), st.none() | areas),
)


def written(command: Command) -> manscdp.Document:
    control = DeviceControl("3101", CHANNEL, command)
    return manscdp.parse_document(manscdp.serialize_document(control.to_xml()))


def control_of(inside: str) -> DeviceControl:
    body = f"<Control><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>34</DeviceID>{inside}</Control>"
    return DeviceControl.from_xml(manscdp.parse_document(body.encode()).element)


@given(commands)
def test_every_command_is_read_as_it_was_written(command: Command) -> None:
    assert read_message(written(command)) == DeviceControl("3101", CHANNEL, command)


@pytest.mark.parametrize("ok", [True, False])
def test_the_answer_is_read_as_it_was_written(ok: bool) -> None:
    """GB-C064."""
    answer = DeviceControlResponse("3102", CHANNEL, ok)
    assert read_message(manscdp.parse_document(manscdp.serialize_document(answer.to_xml()))) == answer


def test_drag_zoom_is_byte_exact() -> None:
    """GB-C066: six integers in the named elements, as section 3.3 prints them."""
    body = manscdp.serialize_document(
        DeviceControl("3101", CHANNEL, DragZoom(ZoomDirection.IN, AREA)).to_xml()
    )
    assert body.replace(b"\r\n", b"") == (
        b'<?xml version="1.0" encoding="GB2312"?><Control><CmdType>DeviceControl</CmdType><SN>3101</SN>'
        b"<DeviceID>34020000001320000012</DeviceID><DragZoomIn><Length>1280</Length><Width>720</Width>"
        b"<MidPointX>400</MidPointX><MidPointY>260</MidPointY><LengthX>240</LengthX>"
        b"<LengthY>135</LengthY></DragZoomIn></Control>"
    )


def test_ptz_is_byte_exact() -> None:
    """GB-C082: the message of section 4.5."""
    body = manscdp.serialize_document(DeviceControl("3100", CHANNEL, PtzCommand("A50F01096060007E")).to_xml())
    assert body.replace(b"\r\n", b"") == (
        b'<?xml version="1.0" encoding="GB2312"?><Control><CmdType>DeviceControl</CmdType><SN>3100</SN>'
        b"<DeviceID>34020000001320000012</DeviceID><PTZCmd>A50F01096060007E</PTZCmd></Control>"
    )


@pytest.mark.parametrize(
    ("command", "expects_answer"),
    [
        (PtzCommand("A50F0100000000B5"), False),
        (TeleBoot(), False),
        (KeyframeCommand("IFrameCmd"), False),
        (KeyframeCommand("IFameCmd"), False),
        (DragZoom(ZoomDirection.IN, AREA), False),
        (DragZoom(ZoomDirection.OUT, AREA), False),
        (PtzPrecise(1.0), False),
        (FormatSdCard(0), False),
        (TargetTrack(TrackMode.AUTO), False),
        (RecordCommand(True), True),
        (GuardCommand(True), True),
        (AlarmReset(), True),
        (HomePosition(False), True),
        (DeviceUpgrade("1", "http://x/", "a", "s"), True),
        (UnknownCommand("Dance"), False),
    ],
)
def test_it_is_known_which_commands_are_answered(command: Command, expects_answer: bool) -> None:
    """GB-C063, GB-C064."""
    control = DeviceControl("1", CHANNEL, command)
    assert control.expects_answer is expects_answer
    assert control.element_name in COMMANDS or isinstance(command, UnknownCommand)


def test_it_is_known_which_editions_have_a_command() -> None:
    """GB-C039."""
    new = (PtzPrecise(), DeviceUpgrade("", "", "", ""), FormatSdCard(0), TargetTrack(TrackMode.STOP))
    for command in new:
        assert command.feature is Feature.COMMANDS_OF_2022
        assert [allows(edition, command.feature) for edition in Edition] == [False, False, False, True]
    for command in (HomePosition(True), DragZoom(ZoomDirection.IN, AREA)):
        assert command.feature is Feature.PTZ_EXTRAS
        assert not allows(Edition.V1_0, command.feature)
    for command in (PtzCommand(""), TeleBoot(), RecordCommand(True), GuardCommand(True), AlarmReset()):
        assert command.feature is None


def test_commands_of_others_are_read_with_tolerance() -> None:
    assert control_of("<guardcmd> setguard </guardcmd>").command == GuardCommand(True)
    assert control_of("<StreamNumber>1</StreamNumber><RecordCmd>StopRecord</RecordCmd>").command == (
        RecordCommand(False, 1)
    )
    assert control_of("<IFAMECMD/>").asks_for_keyframe
    old = "<PTZCmd>A50F0100000000B5</PTZCmd><Info><ControlPriority>5</ControlPriority></Info>"
    assert control_of(old).command == PtzCommand("A50F0100000000B5", priority=5)
    assert control_of("<HomePosition><Enabled>1</Enabled><ResetTime/></HomePosition>").command == (
        HomePosition(True)
    )


def test_what_is_no_command_of_the_standard_is_kept_as_it_came() -> None:
    assert control_of("<Dance>Waltz</Dance><Info/>").command == UnknownCommand("Dance", "Waltz")
    assert control_of("<ExtraInfo>x</ExtraInfo>").command == UnknownCommand("")
    assert control_of("").element_name == ""
    document = written(UnknownCommand("Dance", "Waltz"))
    assert read_message(document) == DeviceControl("3101", CHANNEL, UnknownCommand("Dance", "Waltz"))
    assert read_message(written(UnknownCommand(""))) == DeviceControl("3101", CHANNEL, UnknownCommand(""))


@pytest.mark.parametrize(
    "inside",
    [
        "<TeleBoot>Later</TeleBoot>",
        "<RecordCmd/>",
        "<GuardCmd>Maybe</GuardCmd>",
        "<AlarmCmd>SetAlarm</AlarmCmd>",
        "<DragZoomIn><Length>1</Length></DragZoomIn>",
        "<HomePosition><Enabled>yes</Enabled></HomePosition>",
        "<FormatSDCard>all</FormatSDCard>",
        "<TargetTrack>Sometimes</TargetTrack>",
        "<TargetTrack>Auto</TargetTrack><DeviceID2>not an id</DeviceID2>",
    ],
)
def test_a_command_with_a_wrong_argument_is_malformed(inside: str) -> None:
    with pytest.raises(MalformedDocument):
        control_of(inside)


def test_the_name_of_a_cruise_has_32_bytes() -> None:
    """2022: at n and n + 1, counted in the charset of the wire."""
    longest = "巡" * (CRUISE_NAME_BYTES_MAX // 2)
    assert read_message(written(PtzCommand("A5", cruise_name=longest))) is not None
    with pytest.raises(LocalViolation):
        written(PtzCommand("A5", cruise_name=longest + "x"))
