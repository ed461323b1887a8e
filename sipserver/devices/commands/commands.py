"""Commands to devices, what came of them, and the questions about a camera head.

Each command waits for the answer to its MESSAGE, and for a Response where the standard has one (GB-C063,
GB-C064). A command is never repeated after its time: a restart that arrives twice is two restarts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Final, TypeVar

from catalog.model import ChannelKey
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.errors import BadAnswer, NoAnswer, Refused
from sipserver.devices.features import Parts
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.ptz import Ptz
from sipserver.gb.editions import Feature, allows
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.cruise_track import (
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
)
from sipserver.gb.messages.device_control import (
    AlarmReset,
    Command,
    DeviceControl,
    DeviceControlResponse,
    DragZoom,
    GuardCommand,
    HomePosition,
    PtzPrecise,
    RecordCommand,
    TargetTrack,
)
from sipserver.gb.messages.home_position_query import HomePositionQuery, HomePositionResponse
from sipserver.gb.messages.preset_query import NamedPreset, PresetQuery, PresetQueryResponse
from sipserver.gb.messages.ptz_position import PtzPosition, PtzPositionQuery, PtzPositionResponse

AnswerT = TypeVar("AnswerT")

PRESET_MESSAGES_MAX: Final = 64
PRESETS_QUIET_S: Final = 1.0
"""After a message that leaves some out, before they are taken to be all."""


class Outcome(StrEnum):
    """What is known of a command that was not refused."""

    DONE = "done"  # the device reported OK
    ACCEPTED = "accepted"  # it took the command; the standard has no report for it
    NO_RESULT = "no_result"  # it took the command and should have reported, but did not


class Commands:
    """Everything that is commanded by DeviceControl, movement excepted."""

    def __init__(self, parts: Parts, ptz: Ptz, gate: EditionGate) -> None:
        self._parts = parts
        self._ptz = ptz
        self._gate = gate
        self._timeout_s = parts.settings.query_timeout_s

    async def open(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """Nothing to give back; those who wait are ended by their own time."""

    def device_removed(self, device_id: str) -> None:
        """Nothing is kept of a device."""

    # ---------------------------------------------------------------- commands

    async def send(
        self, device_id: str, target_id: str, command: Command, *, despite_edition: bool = False
    ) -> Outcome:
        """Send a command to a device or one of its channels.

        Args:
            target_id: the channel, or the device itself.
            despite_edition: send it although the device's edition does not know it.

        Raises:
            NotInEdition, UnknownDevice, DeviceOffline, NoAnswer, NoCapacity
            Refused: with the SIP status, or 0 when the device reported Result ERROR.
        """
        self._gate.demand(device_id, command.feature, despite_edition=despite_edition)
        command = self._as_known(device_id, command, despite_edition=despite_edition)
        control = DeviceControl(self._parts.signalling.next_sn(), GbId(target_id), command)
        if command.expects_answer:
            return await self._send_and_hear(device_id, control)
        self._parts.queries.expect_nothing(control.sn)
        await self._send(device_id, control)
        return Outcome.ACCEPTED

    async def aim(
        self,
        key: ChannelKey,
        holder: Holder,
        command: DragZoom | PtzPrecise | TargetTrack,
        *,
        despite_edition: bool = False,
    ) -> Outcome:
        """A command that moves the head by itself: for whoever has the camera, after its movement ended.

        Raises:
            ControlHeld, and all that ``send`` raises
        """
        self._gate.demand(key.device_id, command.feature, despite_edition=despite_edition)
        self._ptz.take(key, holder)
        await self._ptz.settle(key)
        return await self.send(key.device_id, key.channel_id, command, despite_edition=despite_edition)

    async def set_guard(self, device_id: str, target_id: str, *, armed: bool) -> bool | None:
        """Arm or disarm; None when the device did not report. Raises as ``send``."""
        return _reported(await self.send(device_id, target_id, GuardCommand(armed)))

    async def reset_alarm(
        self, device_id: str, target_id: str, *, methods: tuple[int, ...] = (), alarm_type: int | None = None
    ) -> bool | None:
        """Reset an alarm; None when the device did not report. Raises as ``send``."""
        command = AlarmReset(
            "/".join(str(method) for method in methods), "" if alarm_type is None else str(alarm_type)
        )
        return _reported(await self.send(device_id, target_id, command))

    # ---------------------------------------------------------------- questions

    async def presets(self, key: ChannelKey, *, despite_edition: bool = False) -> tuple[NamedPreset, ...]:
        """The presets of a channel, as it lists them: in one message, or in several that add up to SumNum.

        Raises:
            NotInEdition, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer
        """
        query = PresetQuery(self._parts.signalling.next_sn(), GbId(key.channel_id))
        more: asyncio.Queue[Document] = asyncio.Queue(PRESET_MESSAGES_MAX)

        def receive(document: Document) -> None:
            if not more.full():
                more.put_nowait(document)

        self._gate.demand(key.device_id, Feature.PTZ_EXTRAS, despite_edition=despite_edition)
        with self._parts.queries.expect(key.device_id, "PresetQuery", query.sn, receive):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._parts.signalling.send_document(
                        key.device_id, query.to_xml(), timeout_s=self._timeout_s
                    )
                    first = await more.get()
            except TimeoutError:
                raise NoAnswer(
                    f"device {key.device_id} took PresetQuery and sent no answer in {self._timeout_s:g} s",
                    device_id=key.device_id,
                ) from None
            answer = _read(key, PresetQueryResponse.from_xml, first)
            _demand_ok(key, "PresetQuery", answer.ok)
            return await _all_presets(key, answer, more)

    async def home_position(self, key: ChannelKey, *, despite_edition: bool = False) -> HomePosition | None:
        """The home position of a channel; None when it has none. Raises as ``presets``."""
        query = HomePositionQuery(self._parts.signalling.next_sn(), GbId(key.channel_id))
        document = await self._ask(
            key, query.sn, "HomePositionQuery", query.to_xml(), Feature.COMMANDS_OF_2022, despite_edition
        )
        answer = _read(key, HomePositionResponse.from_xml, document)
        _demand_ok(key, "HomePositionQuery", answer.ok)
        return answer.home

    async def cruises(self, key: ChannelKey, *, despite_edition: bool = False) -> tuple[CruiseTrack, ...]:
        """The cruises of a channel. Raises as ``presets``."""
        query = CruiseTrackListQuery(self._parts.signalling.next_sn(), GbId(key.channel_id))
        document = await self._ask(
            key, query.sn, "CruiseTrackListQuery", query.to_xml(), Feature.COMMANDS_OF_2022, despite_edition
        )
        answer = _read(key, CruiseTrackListResponse.from_xml, document)
        _demand_ok(key, "CruiseTrackListQuery", answer.ok)
        return answer.tracks

    async def cruise(
        self, key: ChannelKey, number: int, *, despite_edition: bool = False
    ) -> CruiseTrackResponse:
        """One cruise with its points. Raises as ``presets``."""
        query = CruiseTrackQuery(self._parts.signalling.next_sn(), GbId(key.channel_id), number)
        document = await self._ask(
            key, query.sn, "CruiseTrackQuery", query.to_xml(), Feature.COMMANDS_OF_2022, despite_edition
        )
        answer = _read(key, CruiseTrackResponse.from_xml, document)
        _demand_ok(key, "CruiseTrackQuery", answer.ok)
        return answer

    async def position(self, key: ChannelKey, *, despite_edition: bool = False) -> PtzPosition:
        """Where a channel looks. Raises as ``presets``."""
        query = PtzPositionQuery(self._parts.signalling.next_sn(), GbId(key.channel_id))
        document = await self._ask(
            key, query.sn, "PTZPosition", query.to_xml(), Feature.COMMANDS_OF_2022, despite_edition
        )
        answer = _read(key, PtzPositionResponse.from_xml, document)
        _demand_ok(key, "PTZPosition", answer.ok)
        return answer.position

    # ---------------------------------------------------------------- inside

    def _as_known(self, device_id: str, command: Command, *, despite_edition: bool) -> Command:
        """Without what the device's edition does not know: the main stream need not be named (GB-C039)."""
        if not isinstance(command, RecordCommand) or command.stream_number is None:
            return command
        if command.stream_number:
            self._gate.demand(device_id, Feature.STREAM_NUMBER, despite_edition=despite_edition)
        elif not (despite_edition or allows(self._gate.edition(device_id), Feature.STREAM_NUMBER)):
            return replace(command, stream_number=None)
        return command

    async def _send(self, device_id: str, control: DeviceControl) -> None:
        await self._parts.signalling.send_document(
            device_id, control.to_xml(), timeout_s=self._timeout_s, abandon=True
        )

    async def _send_and_hear(self, device_id: str, control: DeviceControl) -> Outcome:
        answer: asyncio.Future[Document] = asyncio.get_running_loop().create_future()

        def receive(document: Document) -> None:
            if not answer.done():
                answer.set_result(document)

        with self._parts.queries.expect(device_id, "DeviceControl", control.sn, receive):
            await self._send(device_id, control)
            try:
                async with asyncio.timeout(self._timeout_s):
                    document = await answer
            except TimeoutError:
                return Outcome.NO_RESULT
        key = ChannelKey(device_id, control.device_id)
        is_ok = _read(key, DeviceControlResponse.from_xml, document).ok
        _demand_ok(key, control.element_name, is_ok)
        return Outcome.DONE

    async def _ask(
        self,
        key: ChannelKey,
        sn: str,
        cmd_type: str,
        query: Element,
        feature: Feature,
        despite_edition: bool = False,
    ) -> Document:
        self._gate.demand(key.device_id, feature, despite_edition=despite_edition)
        return await self._parts.queries.ask(key.device_id, cmd_type, sn, query, timeout_s=self._timeout_s)


async def _all_presets(
    key: ChannelKey, first: PresetQueryResponse, more: asyncio.Queue[Document]
) -> tuple[NamedPreset, ...]:
    """Those of the first message and of what follows it; a device that counts wrong costs a moment."""
    found = list(first.presets)
    try:
        while first.presets and len(found) < (first.sum_num or 0):
            async with asyncio.timeout(PRESETS_QUIET_S):
                document = await more.get()
            found += _read(key, PresetQueryResponse.from_xml, document).presets
    except TimeoutError:
        pass
    return tuple(found)


def _reported(outcome: Outcome) -> bool | None:
    return True if outcome is Outcome.DONE else None


def _read(key: ChannelKey, read: Callable[[Element], AnswerT], document: Document) -> AnswerT:
    try:
        return read(document.element)
    except MalformedDocument as error:
        raise BadAnswer(
            f"device {key.device_id} sent {document.cmd_type} that cannot be read: {error}",
            device_id=key.device_id,
            channel_id=key.channel_id,
        ) from error


def _demand_ok(key: ChannelKey, what: str, ok: bool) -> None:
    if not ok:
        raise Refused(
            f"device {key.device_id} took {what} and reported ERROR",
            status=0,
            device_id=key.device_id,
            channel_id=key.channel_id,
        )
