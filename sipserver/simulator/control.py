"""DeviceControl at a simulated device: each command goes to who obeys it; those with an answer get it.

Other features put their own handlers into ``parts.controls``; one that was put there later counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from sipserver.gb.camera_commands import (
    DragZoom,
    HomePosition,
    PtzCommand,
    PtzPrecise,
    TargetTrack,
    TrackMode,
)
from sipserver.gb.control_commands import GuardCommand, KeyframeCommand, RecordCommand
from sipserver.gb.errors import MalformedPtz
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element, int_or_none
from sipserver.gb.messages.cruise_track import (
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from sipserver.gb.messages.device_control import DeviceControl, DeviceControlResponse
from sipserver.gb.messages.home_position_query import HomePositionQuery, HomePositionResponse
from sipserver.gb.messages.preset_query import NamedPreset, PresetQuery, PresetQueryResponse
from sipserver.gb.messages.ptz_position import PtzPositionQuery, PtzPositionResponse
from sipserver.gb.ptz import read_instruction
from sipserver.gb.ptz_frame import PtzFrame
from sipserver.simulator.features import DeviceParts
from sipserver.simulator.head import CameraHead

RECEIVED_MAX: Final = 1_000
PRESETS_OF_A_TABLE: Final = 255


class Control:
    """Obeys commands; each channel has a head of its own."""

    def __init__(self, parts: DeviceParts) -> None:
        self._parts = parts
        self._clock = asyncio.get_running_loop().time
        self.received: deque[DeviceControl] = deque(maxlen=RECEIVED_MAX)
        """Every command in the order of its coming, the newest last."""
        self.heads = {channel_id: CameraHead(self._clock()) for channel_id in parts.channels}
        self.is_armed = False
        self.recording: set[str] = set()
        self.tracking: dict[str, TrackMode] = {}
        self.alarm_resets = 0
        self.restarts = 0
        parts.commands["Control", "DeviceControl"] = self._receive
        parts.commands["Query", "PresetQuery"] = self._presets
        parts.commands["Query", "HomePositionQuery"] = self._home
        parts.commands["Query", "CruiseTrackListQuery"] = self._cruises
        parts.commands["Query", "CruiseTrackQuery"] = self._cruise
        parts.commands["Query", "PTZPosition"] = self._position
        parts.controls.update(
            {
                "PTZCmd": self._ptz,
                "PTZPreciseCtrl": self._precise,
                "DragZoomIn": self._drag_zoom,
                "DragZoomOut": self._drag_zoom,
                "TargetTrack": self._target_track,
                "HomePosition": self._home_position,
                "IFrameCmd": self._keyframe,
                "IFameCmd": self._keyframe,
                "TeleBoot": self._restart,
                "RecordCmd": self._record,
                "GuardCmd": self._guard,
                "AlarmCmd": self._alarm_reset,
            }
        )

    async def open(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """Nothing to give back."""

    # ---------------------------------------------------------------- commands

    def _receive(self, document: Document) -> list[Element]:
        control, behaviour = DeviceControl.from_xml(document.element), self._parts.behaviour
        self.received.append(control)
        handler = self._parts.controls.get(control.element_name)
        if handler is None or behaviour.fails_control:
            result = False if control.expects_answer else None
        else:
            result = handler(control)
        if behaviour.silent_control:
            return []
        if result is None and behaviour.answers_everything:
            result = True
        if result is None:
            return []
        sn = str((int_or_none(control.sn) or 0) + behaviour.sn_offset) if behaviour.sn_offset else control.sn
        return [DeviceControlResponse(sn, control.device_id, result).to_xml()]

    def _ptz(self, control: DeviceControl) -> None:
        command, head = control.command, self._head(control.device_id)
        if head is None or not isinstance(command, PtzCommand):
            return
        try:
            instruction = read_instruction(PtzFrame.parse(command.frame))
        except MalformedPtz:
            return
        head.apply(
            instruction, self._clock(), preset_name=command.preset_name, cruise_name=command.cruise_name
        )

    def _precise(self, control: DeviceControl) -> None:
        head = self._head(control.device_id)
        if head is not None and isinstance(control.command, PtzPrecise):
            head.aim(control.command, self._clock())

    def _drag_zoom(self, control: DeviceControl) -> None:
        head = self._head(control.device_id)
        if head is not None and isinstance(control.command, DragZoom):
            head.drag(control.command.direction, control.command.area, self._clock())

    def _target_track(self, control: DeviceControl) -> None:
        if isinstance(control.command, TargetTrack):
            self.tracking[control.device_id] = control.command.mode

    def _home_position(self, control: DeviceControl) -> bool:
        head = self._head(control.device_id)
        if head is None or not isinstance(control.command, HomePosition):
            return False
        head.home = control.command
        return True

    def _keyframe(self, control: DeviceControl) -> None:
        is_known = control.element_name not in self._parts.behaviour.deaf_to
        if is_known and isinstance(control.command, KeyframeCommand):
            self._parts.invites.restart_at_keyframe(control.device_id)

    def _restart(self, _control: DeviceControl) -> None:
        """As a power cut: streams end without BYE, and the device registers anew."""
        self.restarts += 1
        for served in self._parts.invites.open:
            self._parts.invites.cancel(served.key)
        self._parts.registration.wake()

    def _record(self, control: DeviceControl) -> bool:
        if not isinstance(control.command, RecordCommand) or not self._is_ours(control.device_id):
            return False
        (self.recording.add if control.command.is_start else self.recording.discard)(control.device_id)
        return True

    def _guard(self, control: DeviceControl) -> bool:
        if not isinstance(control.command, GuardCommand):
            return False
        self.is_armed = control.command.is_armed
        return True

    def _alarm_reset(self, _control: DeviceControl) -> bool:
        self.alarm_resets += 1
        return True

    # ---------------------------------------------------------------- questions

    def _presets(self, document: Document) -> list[Element]:
        query = PresetQuery.from_xml(document.element)
        head = self._head(query.device_id)
        if head is None:
            return [PresetQueryResponse(query.sn, query.device_id, ok=False).to_xml()]
        numbers = sorted(head.presets)
        if self._parts.behaviour.lists_every_preset:
            numbers = list(range(1, PRESETS_OF_A_TABLE + 1))
        names = {number: head.presets[number].name for number in numbers if number in head.presets}
        presets = tuple(NamedPreset(number, names.get(number, "")) for number in numbers)
        return [PresetQueryResponse(query.sn, query.device_id, presets).to_xml()]

    def _home(self, document: Document) -> list[Element]:
        query = HomePositionQuery.from_xml(document.element)
        head = self._head(query.device_id)
        home = None if head is None else head.home
        answer = HomePositionResponse(query.sn, query.device_id, home, ok=home is not None).to_xml()
        if self._parts.behaviour.home_answer_name:
            answer[0].text = self._parts.behaviour.home_answer_name
        return [answer]

    def _cruises(self, document: Document) -> list[Element]:
        query = CruiseTrackListQuery.from_xml(document.element)
        head = self._head(query.device_id)
        cruises = {} if head is None else head.cruises
        tracks = tuple(CruiseTrack(group, cruise.name) for group, cruise in sorted(cruises.items()))
        return [CruiseTrackListResponse(query.sn, query.device_id, tracks, ok=head is not None).to_xml()]

    def _cruise(self, document: Document) -> list[Element]:
        query = CruiseTrackQuery.from_xml(document.element)
        head = self._head(query.device_id)
        cruise = None if head is None else head.cruises.get(query.number)
        if cruise is None:
            return [CruiseTrackResponse(query.sn, query.device_id, query.number, ok=False).to_xml()]
        answer = CruiseTrackResponse(query.sn, query.device_id, query.number, cruise.name, cruise.points())
        return [answer.to_xml()]

    def _position(self, document: Document) -> list[Element]:
        query = PtzPositionQuery.from_xml(document.element)
        head = self._head(query.device_id)
        if head is None:
            return [PtzPositionResponse(query.sn, query.device_id, ok=False).to_xml()]
        return [PtzPositionResponse(query.sn, query.device_id, head.position(self._clock())).to_xml()]

    # ---------------------------------------------------------------- inside

    def _head(self, device_id: GbId) -> CameraHead | None:
        """The head of a channel; the device's own id means its one channel."""
        if device_id == self._parts.settings.device_id and len(self.heads) == 1:
            return next(iter(self.heads.values()))
        return self.heads.get(device_id)

    def _is_ours(self, device_id: GbId) -> bool:
        return device_id == self._parts.settings.device_id or device_id in self._parts.channels
