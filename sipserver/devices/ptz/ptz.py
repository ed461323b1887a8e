"""Moving cameras: who may, what the camera is told, and that it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from catalog.model import ChannelKey
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.errors import NoCapacity
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceMoved,
    DeviceRefreshed,
    DeviceRestarted,
    DeviceWentOffline,
)
from sipserver.devices.features import Parts
from sipserver.devices.ptz.drive import Drive, Part
from sipserver.devices.ptz.lock import Holder, Lock, Locks
from sipserver.devices.ptz.motion import STILL, Motion, StopReason
from sipserver.devices.ptz.store import MemoryMotionStore, MotionStore, SqlMotionStore
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.written_behind import WrittenBehind
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import DeviceControl, PtzCommand
from sipserver.gb.ptz import (
    CruiseStart,
    FocusIris,
    Instruction,
    Move,
    Preset,
    PresetAction,
    ScanLimit,
    ScanStart,
    read_instruction,
)
from sipserver.gb.ptz_frame import PtzFrame

DRIVES_MAX: Final = 4096
# How long another command waits for the head to come to rest, and the shutdown for all of them.
SETTLE_S: Final = 4.0

logger = logging.getLogger(__name__)


class ControlLost(NamedTuple):
    """Somebody of higher priority took the camera."""

    key: ChannelKey
    holder_id: str
    by: str


class MotionEnded(NamedTuple):
    """A movement ended; ``holder_id`` had asked for it."""

    key: ChannelKey
    holder_id: str
    reason: StopReason


PtzEvent = ControlLost | MotionEnded


@dataclass(frozen=True, slots=True)
class PtzState:
    """One camera, as people want to see it."""

    lock: Lock | None
    remaining_s: float
    """Until the lock lapses."""
    motion: Motion = STILL
    is_stop_owed: bool = False


class Ptz:
    """Holds, stops and instructs the heads of all channels.

    The stop of a movement is ours: it is sent when its time is over, its holder is gone or replaced, the
    platform stops, or the device comes back after it was lost. What moves is written down beside the
    movement, so that a platform that was killed says stop when it is back. ``listeners`` hear of each end.
    """

    listens_to: Final = (
        DeviceCameOnline,
        DeviceRefreshed,
        DeviceRestarted,
        DeviceConfirmed,
        DeviceMoved,
        DeviceWentOffline,
    )

    def __init__(self, parts: Parts, gate: EditionGate, store: MotionStore | None = None) -> None:
        self._parts = parts
        self._gate = gate
        self.settings: Final = parts.features.ptz
        self._clock = parts.clock
        self._locks: Locks[ChannelKey] = Locks()
        self._drives: dict[ChannelKey, Drive] = {}
        self._runs: dict[ChannelKey, asyncio.Task[None]] = {}
        self._tasks = TaskOwner("ptz")
        if store is None:
            store = MemoryMotionStore() if parts.database is None else SqlMotionStore(parts.database)
        self._store: Final[MotionStore] = store
        self._motions: Final[WrittenBehind[ChannelKey, datetime]] = WrittenBehind(
            "movements", store.save, DRIVES_MAX
        )
        self._is_closing = False
        self.listeners: Final[list[Callable[[PtzEvent], None]]] = []

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        """Stop what a former run left moving: now, or when its device is there."""
        left = await self._store.load()
        self._motions.open(left)
        for key in left:
            self._drive(key, is_left=True)
        if left:
            logger.warning("%d cameras were moving when the platform was killed; they are stopped", len(left))

    async def close(self) -> None:
        """Stop everything that moves; what cannot be reached now is stopped after the next start."""
        self._is_closing = True
        for drive in self._drives.values():
            drive.close()
        if self._runs:
            await asyncio.wait(self._runs.values(), timeout=SETTLE_S)
        await self._tasks.close()
        await self._motions.close()

    def device_removed(self, device_id: str) -> None:
        """Nobody can stop its cameras any more."""
        for key in [key for key in self._drives if key.device_id == device_id]:
            self._runs[key].cancel()
            self._motions.drop([key])
        self._locks.forget(lambda key: key.device_id == device_id)

    def listen(self, event: DeviceEvent) -> None:
        if not self._drives:
            return
        match event:
            case DeviceWentOffline(device_id=device_id):
                for drive in self._drives_of(device_id):
                    if drive.wanted.is_motion:
                        drive.stop(StopReason.OFFLINE)
            case (
                DeviceCameOnline(device_id=device_id)
                | DeviceConfirmed(device_id=device_id)
                | DeviceRefreshed(device_id=device_id)
                | DeviceRestarted(device_id=device_id)
                | DeviceMoved(device_id=device_id)
            ):
                for drive in self._drives_of(device_id):
                    drive.wake()

    # ---------------------------------------------------------------- moving

    async def move(self, key: ChannelKey, holder: Holder, motion: Motion, *, hold_s: float) -> None:
        """Move until ``hold_s`` from now, or until the next call; returns when the device took it.

        Raises:
            ControlHeld, UnknownDevice, DeviceOffline, NoAnswer, Refused, NoCapacity
        """
        result = self.hold(key, holder, motion, hold_s=hold_s)
        if result is not None:
            await asyncio.shield(result)

    def hold(
        self, key: ChannelKey, holder: Holder, motion: Motion, *, hold_s: float
    ) -> asyncio.Future[None] | None:
        """``move`` for those who do not wait, or later; None when there was nothing to do.

        Raises:
            ControlHeld, UnknownDevice, DeviceOffline, NoCapacity
        """
        self._parts.signalling.entry_of(key.device_id)
        self._take(key, holder, hold_s)
        if key not in self._drives and not motion.is_motion:
            return None
        drive = self._drive(key)
        if motion.is_motion and key not in self._motions:
            self._motions.put(key, self._parts.wall())
        return drive.hold(holder, motion, min(hold_s, self.settings.move_max_s))

    async def stop(self, key: ChannelKey, holder: Holder) -> None:
        """Stop movement, cruise and scan; returns when the device took it.

        Raises:
            ControlHeld, UnknownDevice, DeviceOffline, NoAnswer, Refused, NoCapacity
        """
        self._parts.signalling.entry_of(key.device_id)
        self._take(key, holder, 0.0)
        await asyncio.shield(self._drive(key).stop(StopReason.RELEASED, always=True))

    async def instruct(
        self,
        key: ChannelKey,
        holder: Holder,
        instruction: Instruction,
        *,
        preset_name: str = "",
        cruise_name: str = "",
    ) -> None:
        """Send anything but a movement: presets, cruises, scans, switches. A running movement is ended first.

        Raises:
            ControlHeld, UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        self._parts.signalling.entry_of(key.device_id)
        self._take(key, holder, 0.0)
        if isinstance(instruction, Preset | CruiseStart | ScanStart | ScanLimit):
            await self.settle(key)
        frame = instruction.to_frame().serialize()
        if self._gate.edition(key.device_id) < Edition.V3_0:
            preset_name = cruise_name = ""  # PTZCmdParams is of 2022
        command = PtzCommand(frame, preset_name, cruise_name, self._priority_of(key.device_id))
        await self._send(key, command, self._parts.settings.query_timeout_s)

    async def call_preset(self, key: ChannelKey, preset: int) -> None:
        """Turn to a preset on behalf of the platform itself, unless an operator has the camera.

        Raises:
            ControlHeld, UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        holder = Holder("platform", "the platform", self.settings.operator_priority)
        await self.instruct(key, holder, Preset(PresetAction.CALL, preset))

    async def relay(
        self,
        key: ChannelKey,
        holder: Holder,
        frame: str,
        *,
        preset_name: str = "",
        cruise_name: str = "",
    ) -> None:
        """Do what a superior's frame says. It says stop itself; ``ptz.move_max_s`` is for one that forgets.

        Raises:
            MalformedPtz: no frame, or one that means nothing; and all that ``move`` and ``instruct`` raise
        """
        instruction = read_instruction(PtzFrame.parse(frame))
        if not isinstance(instruction, Move | FocusIris):
            await self.instruct(key, holder, instruction, preset_name=preset_name, cruise_name=cruise_name)
        elif instruction == Move():
            await self.stop(key, holder)
        else:
            wanted = self._drives[key].wanted if key in self._drives else STILL
            motion = (
                Motion(instruction, wanted.focus_iris)
                if isinstance(instruction, Move)
                else Motion(wanted.move, instruction)
            )
            await self.move(key, holder, motion, hold_s=self.settings.move_max_s)

    async def settle(self, key: ChannelKey) -> None:
        """Bring a head to rest before another command, so that no late stop ends what that one begins."""
        drive, run = self._drives.get(key), self._runs.get(key)
        if drive is not None and run is not None:
            drive.stop(StopReason.REPLACED)
            await asyncio.wait({run}, timeout=SETTLE_S)

    # ---------------------------------------------------------------- locks

    def lock(self, key: ChannelKey, holder: Holder, for_s: float) -> PtzState:
        """Take a camera for a time, without moving it.

        Raises:
            ControlHeld
        """
        self._take(key, holder, min(for_s, self.settings.lock_max_s) - self.settings.lock_s)
        return self.state(key)

    def take(self, key: ChannelKey, holder: Holder) -> None:
        """For commands beside these that move a head as well. Raises ControlHeld."""
        self._take(key, holder, 0.0)

    def release(self, key: ChannelKey, holder_id: str, reason: StopReason = StopReason.RELEASED) -> bool:
        """Give a camera back: what this holder moves stops. False when it had neither lock nor movement."""
        drive = self._drives.get(key)
        moves = drive is not None and drive.wanted.is_motion and _is_of(drive, holder_id)
        if drive is not None and moves:
            drive.stop(reason)
        return self._locks.release(key, holder_id, self._clock()) or moves

    def release_holder(self, holder_id: str, reason: StopReason = StopReason.HOLDER_GONE) -> None:
        """A log-in ended, or a superior went away: all that it moves stops, all its locks are free."""
        for drive in self._drives.values():
            if drive.wanted.is_motion and _is_of(drive, holder_id):
                drive.stop(reason)
        self._locks.release_all(holder_id)

    def state(self, key: ChannelKey) -> PtzState:
        now = self._clock()
        lock, drive = self._locks.get(key, now), self._drives.get(key)
        remaining_s = 0.0 if lock is None else lock.expires_at - now
        if drive is None:
            return PtzState(lock, remaining_s)
        return PtzState(lock, remaining_s, drive.wanted, drive.is_stop_owed)

    @property
    def moving(self) -> int:
        """How many heads move, or are owed a stop."""
        return len(self._drives)

    # ---------------------------------------------------------------- inside

    def _take(self, key: ChannelKey, holder: Holder, hold_s: float) -> None:
        before = self._locks.take(key, holder, hold_s + self.settings.lock_s, self._clock())
        if before is None:
            return
        logger.info("%s takes %s from %s", holder.name, key, before.holder.name)
        drive = self._drives.get(key)
        if drive is not None and drive.wanted.is_motion:
            drive.stop(StopReason.TAKEN_OVER)
        self._tell(ControlLost(key, before.holder.holder_id, holder.name))

    def _drive(self, key: ChannelKey, *, is_left: bool = False) -> Drive:
        drive = self._drives.get(key)
        if drive is not None:
            return drive
        if len(self._drives) >= DRIVES_MAX:
            raise NoCapacity(f"{DRIVES_MAX} cameras move already", device_id=key.device_id)

        async def send(part: Part, timeout_s: float) -> None:
            self._parts.stats.ptz_frames += 1
            frame = part.to_frame().serialize()
            command = PtzCommand(frame, priority=self._priority_of(key.device_id))
            await self._send(key, command, timeout_s)

        drive = Drive(str(key), send, self.settings, self._clock, self._motion_ended(key))
        if is_left:
            drive.owe_stop()
        run = self._tasks.spawn(self._run(key, drive), str(key))
        if run is None:
            raise NoCapacity("the platform is stopping", device_id=key.device_id)
        self._drives[key], self._runs[key] = drive, run
        return drive

    async def _run(self, key: ChannelKey, drive: Drive) -> None:
        try:
            await drive.run()
            # One that a shutdown could not reach keeps its row: it is stopped after the next start.
            if not (self._is_closing and drive.is_stop_lost):
                self._motions.drop([key])
        finally:
            self._parts.stats.ptz_stops_lost += drive.is_stop_lost
            del self._drives[key], self._runs[key]

    async def _send(self, key: ChannelKey, command: PtzCommand, timeout_s: float) -> None:
        control = DeviceControl(self._parts.signalling.next_sn(), GbId(key.channel_id), command)
        self._parts.queries.expect_nothing(control.sn)
        await self._parts.signalling.send_document(
            key.device_id, control.to_xml(), timeout_s=timeout_s, abandon=True
        )

    def _priority_of(self, device_id: str) -> int | None:
        """ControlPriority, where it is wanted (gb28181.md 3.3)."""
        edition = self._gate.edition(device_id)
        return self.settings.control_priority or None if edition < Edition.V2_0 else None

    def _motion_ended(self, key: ChannelKey) -> Callable[[Drive, StopReason], None]:
        def ended(drive: Drive, reason: StopReason) -> None:
            self._parts.stats.ptz_stops[reason.value] += 1
            if drive.holder is not None:
                self._tell(MotionEnded(key, drive.holder.holder_id, reason))

        return ended

    def _tell(self, event: PtzEvent) -> None:
        for listener in list(self.listeners):
            listener(event)

    def _drives_of(self, device_id: str) -> list[Drive]:
        return [drive for key, drive in self._drives.items() if key.device_id == device_id]


def _is_of(drive: Drive, holder_id: str) -> bool:
    return drive.holder is not None and drive.holder.holder_id == holder_id
