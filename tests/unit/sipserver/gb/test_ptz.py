"""PTZ frames, byte for byte. GB-C082 to GB-C087."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.errors import LocalViolation, MalformedPtz
from sipserver.gb.ptz import (
    FOCUS_IRIS_STOP,
    STOP,
    Auxiliary,
    CruiseAdd,
    CruiseDelete,
    CruiseDwell,
    CruiseSpeed,
    CruiseStart,
    FocusIris,
    Instruction,
    Move,
    Preset,
    PresetAction,
    ScanLimit,
    ScanSide,
    ScanSpeed,
    ScanStart,
    read_instruction,
)
from sipserver.gb.ptz_frame import PtzFrame

# The worked examples of section 4.5, address 01.
EXAMPLES: list[tuple[Instruction, str]] = [
    (STOP, "A50F0100000000B5"),
    (Move(pan=0x80), "A50F010180000036"),
    (Move(pan=-0x80), "A50F010280000037"),
    (Move(tilt=0x80), "A50F01080080003D"),
    (Move(tilt=-0x80), "A50F010400800039"),
    (Move(pan=-0x60, tilt=0x60), "A50F010A6060007F"),
    (Move(pan=0x60, tilt=0x60), "A50F01096060007E"),
    (Move(pan=-0x60, tilt=-0x60), "A50F01066060007B"),
    (Move(pan=0x60, tilt=-0x60), "A50F01056060007A"),
    (Move(zoom=8), "A50F011000008045"),
    (Move(zoom=-8), "A50F012000008055"),
    (FocusIris(focus=-0x80), "A50F014280000077"),
    (FocusIris(focus=0x80), "A50F014180000076"),
    (FocusIris(iris=0x80), "A50F014400800079"),
    (FocusIris(iris=-0x80), "A50F01480080007D"),
    (FOCUS_IRIS_STOP, "A50F0140000000F5"),
    (Preset(PresetAction.SET, 5), "A50F01810005003B"),
    (Preset(PresetAction.CALL, 5), "A50F01820005003C"),
    (Preset(PresetAction.DELETE, 5), "A50F01830005003D"),
    (CruiseAdd(1, 5), "A50F01840105003F"),
    (CruiseDelete(1, 5), "A50F018501050040"),
    (CruiseDelete(1), "A50F01850100003B"),
    (CruiseSpeed(1, 300), "A50F0186012C1078"),
    (CruiseDwell(1, 30), "A50F0187011E005B"),
    (CruiseStart(1), "A50F01880100003E"),
    (ScanStart(1), "A50F01890100003F"),
    (ScanLimit(1, ScanSide.LEFT), "A50F018901010040"),
    (ScanLimit(1, ScanSide.RIGHT), "A50F018901020041"),
    (ScanSpeed(1, 300), "A50F018A012C107C"),
    (Auxiliary(1, True), "A50F018C01000042"),
    (Auxiliary(1, False), "A50F018D01000043"),
]

speeds = st.integers(-255, 255)
groups = st.integers(0, 255)
presets = st.integers(1, 255)
twelve_bits = st.integers(0, 4095)
instructions: st.SearchStrategy[Instruction] = st.one_of(
    st.builds(Move, speeds, speeds, st.integers(-15, 15)),
    st.builds(FocusIris, speeds, speeds),
    st.builds(Preset, st.sampled_from(PresetAction), presets),
    st.builds(CruiseAdd, groups, presets),
    st.builds(CruiseDelete, groups, st.integers(0, 255)),
    st.builds(CruiseSpeed, groups, twelve_bits),
    st.builds(CruiseDwell, groups, twelve_bits),
    st.builds(CruiseStart, groups),
    st.builds(ScanStart, groups),
    st.builds(ScanLimit, groups, st.sampled_from(ScanSide)),
    st.builds(ScanSpeed, groups, twelve_bits),
    st.builds(Auxiliary, st.integers(0, 255), st.booleans()),
)


@pytest.mark.parametrize(("instruction", "text"), EXAMPLES)
def test_frames_are_those_of_the_standard(instruction: Instruction, text: str) -> None:
    """GB-C082: section 4.5, byte for byte, both ways."""
    assert instruction.to_frame().serialize() == text
    assert read_instruction(PtzFrame.parse(text)) == instruction


def test_address_has_twelve_bits_over_two_bytes() -> None:
    """GB-C082: address 0x123, up, 40."""
    text = "A50F230800400120"
    assert PtzFrame(0x08, 0, 0x40, 0, address=0x123).serialize() == text
    assert PtzFrame.parse(text).address == 0x123


@given(instructions)
def test_every_instruction_is_read_as_it_was_written(instruction: Instruction) -> None:
    assert read_instruction(PtzFrame.parse(instruction.to_frame().serialize())) == instruction


@given(instructions, st.integers(0, 7), st.integers(1, 255))
def test_a_changed_byte_is_refused_but_for_the_second(instruction: Instruction, at: int, by: int) -> None:
    """GB-C083: the checksum decides; a wrong second byte alone is forgiven unless strict."""
    frame = bytearray.fromhex(instruction.to_frame().serialize())
    frame[at] ^= by
    with pytest.raises(MalformedPtz):
        PtzFrame.parse(frame.hex())


@pytest.mark.parametrize("second", [0x00, 0x0E, 0x1F, 0xFF])
def test_a_wrong_second_byte_is_tolerated_when_the_checksum_is_right(second: int) -> None:
    """GB-C083."""
    head = bytes((0xA5, second, 0x01, 0x01, 0x80, 0, 0))
    text = (head + bytes((sum(head) % 256,))).hex()
    assert read_instruction(PtzFrame.parse(text)) == Move(pan=0x80)
    with pytest.raises(MalformedPtz):
        PtzFrame.parse(text, strict=True)


@pytest.mark.parametrize("text", ["a50f0100000000b5", " A5 0F 01 00 00 00 00 B5 ", "A50F0100 000000b5"])
def test_case_and_blanks_do_not_matter(text: str) -> None:
    assert read_instruction(PtzFrame.parse(text, strict=True)) == STOP


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A5",
        "A50F0100000000B",
        "A50F0100000000B50",
        "A50F0100000000XX",
        "A50F0100000000B6",
        "0" * 16,
        "é" * 16,
    ],
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    """GB-C083."""
    with pytest.raises(MalformedPtz):
        PtzFrame.parse(text)


@given(speeds, speeds, st.integers(-15, 15))
def test_opposite_bits_are_never_set_and_axes_combine(pan: int, tilt: int, zoom: int) -> None:
    """GB-C084, GB-C085."""
    frame = Move(pan, tilt, zoom).to_frame()
    for pair in (0x03, 0x0C, 0x30):
        assert frame.command & pair != pair
    assert (frame.data1, frame.data2, frame.data3) == (abs(pan), abs(tilt), abs(zoom))
    assert [bool(frame.command & pair) for pair in (0x03, 0x0C, 0x30)] == [bool(pan), bool(tilt), bool(zoom)]


@pytest.mark.parametrize("command", [0x03, 0x0C, 0x30, 0x3F, 0x43, 0x4C, 0x4F])
def test_opposite_bits_of_others_are_refused(command: int) -> None:
    """GB-C084."""
    with pytest.raises(MalformedPtz):
        read_instruction(PtzFrame(command, 1, 1, 1))


@pytest.mark.parametrize("command", [0x50, 0x7F, 0x80, 0x8B, 0x8E, 0xC0, 0xFF])
def test_unknown_command_bytes_are_refused(command: int) -> None:
    with pytest.raises(MalformedPtz):
        read_instruction(PtzFrame(command))


@pytest.mark.parametrize("frame", [PtzFrame(0x82, 0, 0), PtzFrame(0x84, 1, 0), PtzFrame(0x89, 1, 3)])
def test_reserved_numbers_are_refused(frame: PtzFrame) -> None:
    """GB-C086."""
    with pytest.raises(MalformedPtz):
        read_instruction(frame)


def test_a_direction_without_speed_is_the_slowest() -> None:
    assert read_instruction(PtzFrame(0x29)) == Move(pan=1, tilt=1, zoom=-1)


@pytest.mark.parametrize(
    "instruction",
    [
        Move(pan=256),
        Move(tilt=-256),
        Move(zoom=16),
        FocusIris(focus=256),
        Preset(PresetAction.SET, 0),
        Preset(PresetAction.SET, 256),
        CruiseAdd(256, 1),
        CruiseAdd(-1, 1),
        CruiseAdd(1, 0),
        CruiseDelete(1, 256),
        CruiseSpeed(1, 4096),
        CruiseDwell(1, -1),
        ScanSpeed(1, 4096),
        Auxiliary(256, True),
    ],
)
def test_what_a_frame_cannot_say_is_our_own_fault(instruction: Instruction) -> None:
    """GB-C086, GB-C087: one beyond each limit."""
    with pytest.raises(LocalViolation):
        instruction.to_frame()


@pytest.mark.parametrize("frame", [PtzFrame(256), PtzFrame(0, data3=16), PtzFrame(0, address=0x1000)])
def test_a_frame_whose_fields_do_not_fit_is_not_written(frame: PtzFrame) -> None:
    with pytest.raises(LocalViolation):
        frame.serialize()


def test_what_goes_on_by_itself_is_known() -> None:
    moving = {type(instruction) for instruction, _ in EXAMPLES if instruction.is_motion}
    assert moving == {Move, FocusIris, CruiseStart, ScanStart}
    assert not STOP.is_motion
    assert not FOCUS_IRIS_STOP.is_motion
