"""The commands of DeviceControl that move or aim a camera.

Source: GB/T 28181-2022 A.2.3.1; section 3.3 of the protocol notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Self

from sipserver.gb import manscdp
from sipserver.gb.control_commands import add_given, one_of, required_child
from sipserver.gb.editions import Feature
from sipserver.gb.errors import LocalViolation
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

CRUISE_NAME_BYTES_MAX: Final = 32
NAME_CHARSET: Final = "gb18030"
PRESET_INDEX_MAX: Final = 255
PAN_RANGE: Final = (0.0, 360.0)
TILT_RANGE: Final = (-30.0, 90.0)


@dataclass(frozen=True, slots=True)
class PtzCommand:
    """A frame of ``gb.ptz`` as hex digits, with the names that the edition of 2022 gives to what it sets.

    Args:
        priority: ``ControlPriority``, which some devices of 2011 expect.
    """

    frame: str
    preset_name: str = ""
    cruise_name: str = ""
    priority: int | None = None

    element_name: ClassVar[str] = "PTZCmd"
    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = None

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        names = manscdp.child(control, "PTZCmdParams")
        info = manscdp.child(control, "Info")
        return cls(
            frame=manscdp.child_text(control, cls.element_name),
            preset_name="" if names is None else manscdp.child_text(names, "PresetName"),
            cruise_name="" if names is None else manscdp.child_text(names, "CruiseTrackName"),
            priority=None
            if info is None
            else manscdp.int_or_none(manscdp.child_text(info, "ControlPriority")),
        )

    def add_to(self, control: Element) -> None:
        """Append to a document. Raises LocalViolation: a name is too long."""
        manscdp.add_text(control, self.element_name, self.frame)
        if self.preset_name or self.cruise_name:
            if len(self.cruise_name.encode(NAME_CHARSET, "replace")) > CRUISE_NAME_BYTES_MAX:
                raise LocalViolation(f"the name of a cruise has at most {CRUISE_NAME_BYTES_MAX} bytes")
            add_given(
                manscdp.add_group(control, "PTZCmdParams"),
                PresetName=self.preset_name,
                CruiseTrackName=self.cruise_name,
            )
        if self.priority is not None:
            manscdp.add_text(manscdp.add_group(control, "Info"), "ControlPriority", self.priority)


@dataclass(frozen=True, slots=True)
class PictureArea:
    """A box in a play window, in pixels from its top left corner (GB-C066)."""

    length: int
    width: int
    mid_point_x: int
    mid_point_y: int
    length_x: int
    length_y: int

    @classmethod
    def from_xml(cls, element: Element) -> Self:
        return cls(*(manscdp.child_int(element, name) for name in _AREA_ELEMENTS))

    def add_to(self, element: Element) -> None:
        values = (
            self.length,
            self.width,
            self.mid_point_x,
            self.mid_point_y,
            self.length_x,
            self.length_y,
        )
        for name, value in zip(_AREA_ELEMENTS, values, strict=True):
            manscdp.add_text(element, name, value)


_AREA_ELEMENTS: Final = ("Length", "Width", "MidPointX", "MidPointY", "LengthX", "LengthY")


class ZoomDirection(StrEnum):
    """Which way a dragged box zooms; the value is the element."""

    IN = "DragZoomIn"
    OUT = "DragZoomOut"


@dataclass(frozen=True, slots=True)
class DragZoom:
    """Zoom on a box that was drawn in the picture (拉框放大, 拉框缩小)."""

    direction: ZoomDirection
    area: PictureArea

    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = Feature.PTZ_EXTRAS

    @property
    def element_name(self) -> str:
        return self.direction.value

    def add_to(self, control: Element) -> None:
        self.area.add_to(manscdp.add_group(control, self.element_name))


@dataclass(frozen=True, slots=True)
class HomePosition:
    """The preset to which a camera returns after some time without control (看守位)."""

    is_enabled: bool
    reset_time_s: int | None = None
    preset_index: int | None = None

    element_name: ClassVar[str] = "HomePosition"
    expects_answer: ClassVar[bool] = True
    feature: ClassVar[Feature | None] = Feature.PTZ_EXTRAS

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        """Read the element from below a command, or from below the answer to a query."""
        home = required_child(control, cls.element_name)
        return cls(
            is_enabled=manscdp.child_int(home, "Enabled") != 0,
            reset_time_s=manscdp.int_or_none(manscdp.child_text(home, "ResetTime")),
            preset_index=manscdp.int_or_none(manscdp.child_text(home, "PresetIndex")),
        )

    def add_to(self, control: Element) -> None:
        home = manscdp.add_group(control, self.element_name)
        manscdp.add_text(home, "Enabled", int(self.is_enabled))
        add_given(home, ResetTime=self.reset_time_s, PresetIndex=self.preset_index)


@dataclass(frozen=True, slots=True)
class PtzPrecise:
    """Turn to a direction and zoom (精准控制, 2022); what is None stays.

    Args:
        pan: degrees clockwise seen from above, 0 to 360.
        tilt: degrees, downward positive, -30 to 90.
        zoom: factor, above 1; beyond the optical limit it goes on digitally.
    """

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None

    element_name: ClassVar[str] = "PTZPreciseCtrl"
    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = Feature.COMMANDS_OF_2022

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        element = required_child(control, cls.element_name)
        return cls(*(manscdp.float_or_none(manscdp.child_text(element, name)) for name in _POSITION_ELEMENTS))

    def add_to(self, control: Element) -> None:
        element = manscdp.add_group(control, self.element_name)
        for name, value in zip(_POSITION_ELEMENTS, (self.pan, self.tilt, self.zoom), strict=True):
            if value is not None:
                manscdp.add_text(element, name, f"{value:.2f}")


_POSITION_ELEMENTS: Final = ("Pan", "Tilt", "Zoom")


class TrackMode(StrEnum):
    """How a dome follows something; the value is what the element says."""

    AUTO = "Auto"
    MANUAL = "Manual"  # follows what stands in the area
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class TargetTrack:
    """Let a dome follow a target (目标跟踪, 2022).

    Args:
        panorama_id: the channel with the panorama, in which ``area`` is drawn.
        area: needed when MANUAL.
    """

    mode: TrackMode
    panorama_id: GbId | None = None
    area: PictureArea | None = None

    element_name: ClassVar[str] = "TargetTrack"
    expects_answer: ClassVar[bool] = False
    feature: ClassVar[Feature | None] = Feature.COMMANDS_OF_2022

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        area = manscdp.child(control, "TargetArea")
        return cls(
            mode=TrackMode(one_of(control, cls.element_name, *TrackMode)),
            panorama_id=manscdp.child_id(control, "DeviceID2")
            if manscdp.child_text(control, "DeviceID2")
            else None,
            area=None if area is None else PictureArea.from_xml(area),
        )

    def add_to(self, control: Element) -> None:
        manscdp.add_text(control, self.element_name, self.mode.value)
        add_given(control, DeviceID2=self.panorama_id)
        if self.area is not None:
            self.area.add_to(manscdp.add_group(control, "TargetArea"))
