"""What a camera head can be asked for, and the frame that says it (前端设备控制协议).

Source: GB/T 28181-2022 A.3; section 4 of the protocol notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self, TypeAlias

from sipserver.gb.errors import LocalViolation, MalformedPtz
from sipserver.gb.ptz_frame import PtzFrame

SPEED_MAX: Final = 255
ZOOM_SPEED_MAX: Final = 15
PRESET_MAX: Final = 255
GROUP_MAX: Final = 255
TWELVE_BITS_MAX: Final = 0xFFF


# What can be asked for. Each knows its frame; a value that the frame cannot hold is a LocalViolation.


@dataclass(frozen=True, slots=True)
class Move:
    """Turn and zoom until told otherwise; an axis at 0 stands still.

    Directions are those of the view on the monitor. One number per axis, so that opposite bits cannot be set
    together (GB-C084).

    Args:
        pan: -255 (left) to 255 (right).
        tilt: -255 (down) to 255 (up).
        zoom: -15 (out, 缩小) to 15 (in, 放大).
    """

    pan: int = 0
    tilt: int = 0
    zoom: int = 0

    @property
    def is_motion(self) -> bool:
        return bool(self.pan or self.tilt or self.zoom)

    def to_frame(self) -> PtzFrame:
        _demand(
            max(abs(self.pan), abs(self.tilt)) <= SPEED_MAX and abs(self.zoom) <= ZOOM_SPEED_MAX,
            f"{self} is faster than a frame can say",
        )
        command = _axis(self.pan, 0x01, 0x02) | _axis(self.tilt, 0x08, 0x04) | _axis(self.zoom, 0x10, 0x20)
        return PtzFrame(command, abs(self.pan), abs(self.tilt), abs(self.zoom))

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(
            pan=_signed(frame, 0x01, 0x02, frame.data1),
            tilt=_signed(frame, 0x08, 0x04, frame.data2),
            zoom=_signed(frame, 0x10, 0x20, frame.data3),
        )


STOP: Final = Move()
"""Stops pan, tilt and zoom, and also a cruise or a scan: these have no stop of their own."""


@dataclass(frozen=True, slots=True)
class FocusIris:
    """Move focus and iris until told otherwise.

    Args:
        focus: -255 (near) to 255 (far).
        iris: -255 (close, 光圈缩小) to 255 (open, 光圈放大).
    """

    focus: int = 0
    iris: int = 0

    @property
    def is_motion(self) -> bool:
        return bool(self.focus or self.iris)

    def to_frame(self) -> PtzFrame:
        _demand(max(abs(self.focus), abs(self.iris)) <= SPEED_MAX, f"{self} is faster than a frame can say")
        command = 0x40 | _axis(self.focus, 0x01, 0x02) | _axis(self.iris, 0x04, 0x08)
        return PtzFrame(command, abs(self.focus), abs(self.iris))

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(
            focus=_signed(frame, 0x01, 0x02, frame.data1), iris=_signed(frame, 0x04, 0x08, frame.data2)
        )


FOCUS_IRIS_STOP: Final = FocusIris()


class PresetAction(Enum):
    """What is done with a preset (预置位); the value is byte 4."""

    SET = 0x81
    CALL = 0x82
    DELETE = 0x83


@dataclass(frozen=True, slots=True)
class Preset:
    """Set, call or delete a preset; numbers 1 to 255, 0 is reserved (GB-C086)."""

    action: PresetAction
    number: int

    is_motion = False

    def to_frame(self) -> PtzFrame:
        _demand(1 <= self.number <= PRESET_MAX, f"preset {self.number} is not between 1 and {PRESET_MAX}")
        return PtzFrame(self.action.value, 0, self.number)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        if not frame.data2:
            raise MalformedPtz("preset 0 is reserved")
        return cls(PresetAction(frame.command), frame.data2)


@dataclass(frozen=True, slots=True)
class CruiseAdd:
    """Add a preset to a cruise (加入巡航点); groups 0 to 255."""

    group: int
    preset: int

    is_motion = False

    def to_frame(self) -> PtzFrame:
        _demand(1 <= self.preset <= PRESET_MAX, f"preset {self.preset} is not between 1 and {PRESET_MAX}")
        return PtzFrame(0x84, _group(self.group), self.preset)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        if not frame.data2:
            raise MalformedPtz("preset 0 is reserved")
        return cls(frame.data1, frame.data2)


@dataclass(frozen=True, slots=True)
class CruiseDelete:
    """Take a preset out of a cruise (删除巡航点); preset 0 deletes the whole cruise."""

    group: int
    preset: int = 0

    is_motion = False

    def to_frame(self) -> PtzFrame:
        _demand(0 <= self.preset <= PRESET_MAX, f"preset {self.preset} is not between 0 and {PRESET_MAX}")
        return PtzFrame(0x85, _group(self.group), self.preset)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(frame.data1, frame.data2)


@dataclass(frozen=True, slots=True)
class CruiseSpeed:
    """The speed of a cruise, 0 to 4095 (GB-C087)."""

    group: int
    speed: int

    is_motion = False

    def to_frame(self) -> PtzFrame:
        return _twelve_bits(0x86, self.group, self.speed)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(frame.data1, frame.data3 << 8 | frame.data2)


@dataclass(frozen=True, slots=True)
class CruiseDwell:
    """How long a cruise rests at each preset (停留时间), 0 to 4095 seconds (GB-C087)."""

    group: int
    dwell_s: int

    is_motion = False

    def to_frame(self) -> PtzFrame:
        return _twelve_bits(0x87, self.group, self.dwell_s)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(frame.data1, frame.data3 << 8 | frame.data2)


@dataclass(frozen=True, slots=True)
class CruiseStart:
    """Start a cruise (巡航); it goes on until STOP."""

    group: int

    is_motion = True

    def to_frame(self) -> PtzFrame:
        return PtzFrame(0x88, _group(self.group))

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(frame.data1)


@dataclass(frozen=True, slots=True)
class ScanStart:
    """Start an automatic scan (自动扫描), to the left first; it goes on until STOP."""

    group: int

    is_motion = True

    def to_frame(self) -> PtzFrame:
        return PtzFrame(0x89, _group(self.group))


class ScanSide(Enum):
    """A limit of a scan; the value is byte 6."""

    LEFT = 1
    RIGHT = 2


@dataclass(frozen=True, slots=True)
class ScanLimit:
    """Make the present direction the left or right limit of a scan."""

    group: int
    side: ScanSide

    is_motion = False

    def to_frame(self) -> PtzFrame:
        return PtzFrame(0x89, _group(self.group), self.side.value)


@dataclass(frozen=True, slots=True)
class ScanSpeed:
    """The speed of a scan, 0 to 4095."""

    group: int
    speed: int

    is_motion = False

    def to_frame(self) -> PtzFrame:
        return _twelve_bits(0x8A, self.group, self.speed)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(frame.data1, frame.data3 << 8 | frame.data2)


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """Switch something on or off, or an analogue value one step up or down; 1 is the wiper (雨刷)."""

    number: int
    is_on: bool

    is_motion = False

    def to_frame(self) -> PtzFrame:
        _demand(0 <= self.number <= 0xFF, f"switch {self.number} is not between 0 and 255")
        return PtzFrame(0x8C if self.is_on else 0x8D, self.number)

    @classmethod
    def from_frame(cls, frame: PtzFrame) -> Self:
        return cls(frame.data1, frame.command == 0x8C)


Instruction: TypeAlias = (
    Move
    | FocusIris
    | Preset
    | CruiseAdd
    | CruiseDelete
    | CruiseSpeed
    | CruiseDwell
    | CruiseStart
    | ScanStart
    | ScanLimit
    | ScanSpeed
    | Auxiliary
)


def _scan(frame: PtzFrame) -> ScanStart | ScanLimit:
    if not frame.data2:
        return ScanStart(frame.data1)
    try:
        return ScanLimit(frame.data1, ScanSide(frame.data2))
    except ValueError:
        raise MalformedPtz(f"89 with {frame.data2:02X} in byte 6 is not a scan command") from None


# By byte 4; the two families of motion have a range each.
_READERS: Final[Mapping[int, Callable[[PtzFrame], Instruction]]] = {
    **dict.fromkeys(range(0x40), Move.from_frame),
    **dict.fromkeys(range(0x40, 0x50), FocusIris.from_frame),
    **{action.value: Preset.from_frame for action in PresetAction},
    0x84: CruiseAdd.from_frame,
    0x85: CruiseDelete.from_frame,
    0x86: CruiseSpeed.from_frame,
    0x87: CruiseDwell.from_frame,
    0x88: CruiseStart.from_frame,
    0x89: _scan,
    0x8A: ScanSpeed.from_frame,
    0x8C: Auxiliary.from_frame,
    0x8D: Auxiliary.from_frame,
}


def read_instruction(frame: PtzFrame) -> Instruction:
    """What a frame asks for.

    Raises:
        MalformedPtz: an unknown command byte, opposite directions at once, or a reserved number.
    """
    reader = _READERS.get(frame.command)
    if reader is None:
        raise MalformedPtz(f"{frame.command:02X} is not a PTZ command")
    return reader(frame)


def _axis(speed: int, positive: int, negative: int) -> int:
    return positive if speed > 0 else negative if speed else 0


def _signed(frame: PtzFrame, positive: int, negative: int, speed: int) -> int:
    """An axis as one number. Speed 0 with a direction counts as the slowest: devices do not agree on it."""
    both = frame.command & (positive | negative)
    if both == positive | negative:
        raise MalformedPtz(f"{frame.command:02X} has opposite directions set")
    if not both:
        return 0
    return max(speed, 1) if both == positive else -max(speed, 1)


def _group(group: int) -> int:
    _demand(0 <= group <= GROUP_MAX, f"group {group} is not between 0 and {GROUP_MAX}")
    return group


def _twelve_bits(command: int, group: int, value: int) -> PtzFrame:
    _demand(0 <= value <= TWELVE_BITS_MAX, f"{value} is not between 0 and {TWELVE_BITS_MAX}")
    return PtzFrame(command, _group(group), value & 0xFF, value >> 8)


def _demand(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise LocalViolation(otherwise)
