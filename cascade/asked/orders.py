"""The controls that a superior may send, read: what each takes, and whether it is answered with a Response.

Source: gb28181.md 3.3, 3.4; GB-C063, GB-C064.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from access.rights import Right
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.picture import SnapShotConfig
from sipserver.gb.errors import LocalViolation, MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.device_config import DeviceConfig, DeviceConfigResponse
from sipserver.gb.messages.device_control import (
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
    PtzCommand,
    PtzPrecise,
    RecordCommand,
    TargetTrack,
    TeleBoot,
)
from sipserver.gb.ptz import FOCUS_IRIS_STOP, STOP, FocusIris, Instruction, Move, read_instruction
from sipserver.gb.ptz_frame import PtzFrame

RIGHTS: Final[Mapping[type, Right]] = {
    PtzCommand: Right.PTZ,
    DragZoom: Right.PTZ,
    HomePosition: Right.PTZ,
    PtzPrecise: Right.PTZ,
    TargetTrack: Right.PTZ,
    # Who may see a picture may see it at once.
    KeyframeCommand: Right.LIVE,
    TeleBoot: Right.CONFIGURATION,
    RecordCommand: Right.CONFIGURATION,
    GuardCommand: Right.CONFIGURATION,
    AlarmReset: Right.CONFIGURATION,
    DeviceUpgrade: Right.CONFIGURATION,
    FormatSdCard: Right.CONFIGURATION,
}
"""What each command takes; one that is not here is none of the standard."""

Reply: TypeAlias = Callable[[bool], Element]


class UnknownOrder(Exception):
    """A control that the standard does not have."""


@dataclass(frozen=True, slots=True)
class Order:
    """One control, understood."""

    name: str
    presented: GbId
    right: Right
    what: Command | tuple[Block, ...]
    """A command, or the settings of DeviceConfig."""
    reply: Reply | None = None
    """Makes the Response, where the standard has one."""
    instruction: Instruction | None = None
    """What the frame of a PTZCmd says."""

    @property
    def stops(self) -> bool:
        """It stops what moves: never refused to the one who moves it (gb28181.md 8.6)."""
        return self.instruction in (STOP, FOCUS_IRIS_STOP)

    @property
    def moves(self) -> bool:
        """It goes on until it is stopped."""
        return isinstance(self.instruction, Move | FocusIris) and not self.stops

    @property
    def session_id(self) -> str:
        """Under which the camera reports how it ended; empty where it does not."""
        if isinstance(self.what, DeviceUpgrade):
            return self.what.session_id
        if isinstance(self.what, tuple):
            found = (each.session_id for each in self.what if isinstance(each, SnapShotConfig))
            return next(found, None) or ""
        return ""


def read_order(document: Document) -> Order:
    """Understand a Control.

    Raises:
        MalformedText: it cannot be read.
        UnknownOrder: it is of no known kind.
    """
    read = _READERS.get(document.cmd_type)
    if read is None:
        raise UnknownOrder(f"{document.cmd_type} is no control of the standard")
    return read(document.element)


def _read_control(element: Element) -> Order:
    control = DeviceControl.from_xml(element)
    command = control.command
    right = RIGHTS.get(type(command))
    if right is None:
        raise UnknownOrder(f"{control.element_name[:40] or 'nothing'} is no command of the standard")

    _demand_writable(control)

    def reply(ok: bool) -> Element:
        return DeviceControlResponse(control.sn, control.device_id, ok).to_xml()

    return Order(
        name=control.element_name,
        presented=control.device_id,
        right=right,
        what=command,
        reply=reply if control.expects_answer else None,
        instruction=read_instruction(PtzFrame.parse(command.frame))
        if isinstance(command, PtzCommand)
        else None,
    )


def _demand_writable(control: DeviceControl) -> None:
    """What goes on to a camera has to keep the limits of the standard.

    Raises:
        MalformedDocument
    """
    try:
        control.to_xml()
    except LocalViolation as error:
        raise MalformedDocument(str(error)) from error


def _read_config(element: Element) -> Order:
    config = DeviceConfig.from_xml(element)
    if not config.blocks:
        raise MalformedDocument("DeviceConfig holds no settings")

    def reply(ok: bool) -> Element:
        return DeviceConfigResponse(config.sn, config.device_id, ok).to_xml()

    return Order("DeviceConfig", config.device_id, Right.CONFIGURATION, config.blocks, reply)


_READERS: Final[Mapping[str, Callable[[Element], Order]]] = {
    "DeviceControl": _read_control,
    "DeviceConfig": _read_config,
}
