"""DeviceControl: one command to a device (设备控制), and its answer.

A document carries the head and exactly one command; the types of commands can be imported from here.

Source: GB/T 28181-2022 A.2.3.1 and A.2.6.12; section 3.3 of the protocol notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from sipserver.gb import manscdp, quirks
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
from sipserver.gb.control_commands import (
    KEYFRAME_ELEMENTS,
    AlarmReset,
    DeviceUpgrade,
    FormatSdCard,
    GuardCommand,
    KeyframeCommand,
    RecordCommand,
    TeleBoot,
    UnknownCommand,
    required_child,
)
from sipserver.gb.editions import Edition, keyframe_commands
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

__all__ = [
    "COMMANDS",
    "KEYFRAME_ELEMENTS",
    "AlarmReset",
    "Command",
    "DeviceControl",
    "DeviceControlResponse",
    "DeviceUpgrade",
    "DragZoom",
    "FormatSdCard",
    "GuardCommand",
    "HomePosition",
    "KeyframeCommand",
    "PictureArea",
    "PtzCommand",
    "PtzPrecise",
    "RecordCommand",
    "TargetTrack",
    "TeleBoot",
    "TrackMode",
    "UnknownCommand",
    "ZoomDirection",
    "keyframe_requests",
]

Command: TypeAlias = (
    PtzCommand
    | TeleBoot
    | RecordCommand
    | GuardCommand
    | AlarmReset
    | KeyframeCommand
    | DragZoom
    | HomePosition
    | PtzPrecise
    | DeviceUpgrade
    | FormatSdCard
    | TargetTrack
    | UnknownCommand
)


def _drag_zoom(direction: ZoomDirection) -> Callable[[Element], DragZoom]:
    return lambda control: DragZoom(direction, PictureArea.from_xml(required_child(control, direction.value)))


def _keyframe(name: str) -> Callable[[Element], KeyframeCommand]:
    return lambda _control: KeyframeCommand(name)


COMMANDS: Final[Mapping[str, Callable[[Element], Command]]] = {
    "PTZCmd": PtzCommand.from_xml,
    "TeleBoot": TeleBoot.from_xml,
    "RecordCmd": RecordCommand.from_xml,
    "GuardCmd": GuardCommand.from_xml,
    "AlarmCmd": AlarmReset.from_xml,
    "IFrameCmd": _keyframe("IFrameCmd"),
    "IFameCmd": _keyframe("IFameCmd"),
    "DragZoomIn": _drag_zoom(ZoomDirection.IN),
    "DragZoomOut": _drag_zoom(ZoomDirection.OUT),
    "HomePosition": HomePosition.from_xml,
    "PTZPreciseCtrl": PtzPrecise.from_xml,
    "DeviceUpgrade": DeviceUpgrade.from_xml,
    "FormatSDCard": FormatSdCard.from_xml,
    "TargetTrack": TargetTrack.from_xml,
}
"""By the name of the element. A document carries one of them."""
_NO_COMMANDS: Final = frozenset({"cmdtype", "sn", "deviceid", "info", "extrainfo"})


@dataclass(frozen=True, slots=True)
class DeviceControl:
    """A command for a device or one of its channels."""

    sn: str
    device_id: GbId
    command: Command

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        return cls(manscdp.child_text(control, "SN"), manscdp.child_id(control), _read_command(control))

    def to_xml(self) -> Element:
        control = manscdp.new_document("Control", "DeviceControl", self.sn, self.device_id)
        self.command.add_to(control)
        return control

    @property
    def element_name(self) -> str:
        return self.command.element_name

    @property
    def expects_answer(self) -> bool:
        """Whether a Response DeviceControl is due (GB-C063, GB-C064)."""
        return self.command.expects_answer

    @property
    def asks_for_keyframe(self) -> bool:
        """Either spelling (Q42, GB-C065)."""
        return isinstance(self.command, KeyframeCommand)


@dataclass(frozen=True, slots=True)
class DeviceControlResponse:
    """What came of a command that is answered."""

    sn: str
    device_id: GbId
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        result = quirks.apply("result-case", manscdp.child_text(response, "Result", "OK"))
        return cls(manscdp.child_text(response, "SN"), manscdp.child_id(response), result != "ERROR")

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "DeviceControl", self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        return response


def keyframe_requests(sns: Iterable[str], device_id: GbId, edition: Edition) -> list[DeviceControl]:
    """What to send to a peer of that edition to get a key frame: one document per spelling it may need."""
    return [
        DeviceControl(sn, device_id, KeyframeCommand(name))
        for sn, name in zip(sns, keyframe_commands(edition), strict=False)
    ]


def _read_command(control: Element) -> Command:
    for name, read in COMMANDS.items():
        if manscdp.child(control, name) is not None:
            return read(control)
    written = manscdp.leaves(control)
    rest = [pair for key, pair in written.items() if key not in _NO_COMMANDS]
    return UnknownCommand(*rest[0]) if rest else UnknownCommand("")
