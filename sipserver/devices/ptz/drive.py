"""The movement of one camera: what is wanted, what the device was told, and the stop that it is owed.

One message is on its way at a time, and the newest wish counts. A movement that a newer wish made wrong is
abandoned, not repeated: a repeated one that arrives after the stop would move the camera for good. When it
is not known whether a movement arrived, the stop is said twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sipserver.devices.errors import DeviceError, DeviceOffline, Refused, UnknownDevice
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.motion import STILL, Motion, StopReason
from sipserver.devices.ptz.settings import PtzSettings
from sipserver.gb.ptz import FOCUS_IRIS_STOP, STOP, FocusIris, Move

# A movement that is not answered for so long gives way to a newer wish; a stop never waits.
GIVE_WAY_S: Final = 0.5
# From the stop to its repetition, when a movement may still have been on its way.
REPEAT_STOP_S: Final = 1.0
RETRY_STOP_S: Final = 1.0

Part = Move | FocusIris
Send = Callable[[Part, float], Awaitable[None]]
"""Sends one frame and waits for the answer to it, at most so many seconds; cancelled, it sends no more."""

logger = logging.getLogger(__name__)


class Drive:
    """Brings the device to the wanted motion. ``run`` ends when it stands still and knows it.

    Args:
        stopped: told when a wanted motion has ended, whatever the reason.
    """

    def __init__(
        self,
        name: str,
        send: Send,
        settings: PtzSettings,
        clock: Callable[[], float],
        stopped: Callable[[Drive, StopReason], None],
    ) -> None:
        self.wanted = STILL
        self.holder: Holder | None = None
        self.deadline = 0.0
        self.is_stop_owed = False
        """A stop could not be delivered; it waits for the device."""
        self.is_stop_lost = False
        """A stop was given up: nobody knows whether the camera moves."""
        self._name = name
        self._send = send
        self._settings = settings
        self._clock = clock
        self._stopped = stopped
        # None: not known, because something was sent and no answer came.
        self._told_move: Move | None = STOP
        self._told_focus: FocusIris | None = FOCUS_IRIS_STOP
        # Kinds of movement of which one may still be on its way.
        self._lost: set[type[Part]] = set()
        self._changed = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._failures = 0
        self._is_closing = False
        self._sending: asyncio.Future[None] | None = None
        self._sending_part: Part = STOP
        self._sent_at = 0.0

    def hold(self, holder: Holder, motion: Motion, hold_s: float) -> asyncio.Future[None]:
        """Want a motion until ``hold_s`` from now; the result comes when the device took it."""
        self.deadline = self._clock() + hold_s
        if motion.is_motion:
            self.holder = holder
            self.wanted = motion
        else:
            self._still(StopReason.RELEASED)
        return self._want()

    def stop(self, reason: StopReason, *, always: bool = False) -> asyncio.Future[None]:
        """Want it to stand still. ``always``: tell the device even when nothing of ours moves it."""
        self._still(reason)
        if always:
            self._told_move = None
        return self._want()

    def owe_stop(self) -> None:
        """A former run told it to move, and was killed before it said stop."""
        self._told_move = self._told_focus = None
        self.is_stop_owed = True

    def wake(self) -> None:
        """The device can be reached again: what it is owed is sent now."""
        self._failures = 0
        self._changed.set()

    def close(self) -> None:
        """Stop, and do not wait for a device that cannot be reached."""
        self._is_closing = True
        self.stop(StopReason.SHUTDOWN)

    async def run(self) -> None:
        error: Exception | None = None
        try:
            while not self._is_settled():
                await self._turn()
        except Exception as failure:
            error = failure
            raise
        finally:
            self._finish(error)

    # ---------------------------------------------------------------- what is wanted

    def _still(self, reason: StopReason) -> None:
        if self.wanted.is_motion:
            self.wanted = STILL
            self._stopped(self, reason)

    def _want(self) -> asyncio.Future[None]:
        result: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(result)
        self._failures = 0
        self._changed.set()
        self._give_way()
        return result

    def _give_way(self) -> None:
        """What is on its way and no longer wanted is abandoned: at once for a stop, else after a while."""
        sending, part = self._sending, self._sending_part
        if sending is None or not self._is_outdated(part):
            return
        if not self._wanted_of(part).is_motion:
            sending.cancel()
            return
        wait_s = max(self._sent_at + GIVE_WAY_S - self._clock(), 0.0)
        asyncio.get_running_loop().call_later(wait_s, self._abandon, sending, part)

    def _abandon(self, sending: asyncio.Future[None], part: Part) -> None:
        if self._is_outdated(part):
            sending.cancel()

    def _wanted_of(self, part: Part) -> Part:
        return self.wanted.move if isinstance(part, Move) else self.wanted.focus_iris

    def _is_outdated(self, part: Part) -> bool:
        return self._wanted_of(part) != part

    # ---------------------------------------------------------------- what the device is told

    @property
    def _is_told(self) -> bool:
        return (self._told_move, self._told_focus) == (self.wanted.move, self.wanted.focus_iris)

    def _is_settled(self) -> bool:
        return not self.wanted.is_motion and self._is_told and not self._lost

    async def _turn(self) -> None:
        """One step: notice that the time is over, send what is missing, or wait."""
        self._changed.clear()
        if self._clock() >= self.deadline:
            self._still(StopReason.DEAD_MAN)
        if not self._is_told:
            await self._tell(self._missing())
            return
        self._finish(None)
        if self.wanted.is_motion:
            await self._pause(self.deadline - self._clock())
        elif not await self._pause(REPEAT_STOP_S):
            # A stop was answered, but a movement may have overtaken it since.
            if Move in self._lost:
                self._told_move = None
            if FocusIris in self._lost:
                self._told_focus = None
            self._lost.clear()

    def _missing(self) -> Part:
        return self.wanted.move if self._told_move != self.wanted.move else self.wanted.focus_iris

    async def _tell(self, part: Part) -> None:
        before = self._told_move if isinstance(part, Move) else self._told_focus
        self._remember(part, None)
        try:
            is_taken = await self._taken(part)
        except Refused as error:
            self._remember(part, before)  # it said no, and does what it did before
            await self._failed(part, error)
        except DeviceError as error:
            self._lose(part)
            await self._failed(part, error)
        else:
            if is_taken:
                self._failures = 0
                self.is_stop_lost = self.is_stop_owed = False
                self._remember(part, part)
            else:
                self._lose(part)

    async def _taken(self, part: Part) -> bool:
        """Send one frame and wait for its answer; False when a newer wish came first."""
        timeout_s = self._settings.answer_timeout_s
        if part.is_motion:
            timeout_s = max(min(timeout_s, self.deadline - self._clock()), GIVE_WAY_S)
        sending = self._sending = asyncio.ensure_future(self._send(part, timeout_s))
        self._sending_part, self._sent_at = part, self._clock()
        try:
            await asyncio.wait({sending})
        finally:
            self._sending = None
            sending.cancel()
        if sending.cancelled():
            return False
        sending.result()
        return True

    def _remember(self, part: Part, told: Part | None) -> None:
        if isinstance(part, Move):
            self._told_move = told if isinstance(told, Move) else None
        else:
            self._told_focus = told if isinstance(told, FocusIris) else None

    def _lose(self, part: Part) -> None:
        if part.is_motion:
            self._lost.add(type(part))

    async def _failed(self, part: Part, error: DeviceError) -> None:
        if not self._is_outdated(part):
            self._finish(error)
        if part.is_motion:
            if not self._is_outdated(part):
                self._still(StopReason.FAILED)
            return
        self._failures += 1
        is_away = isinstance(error, DeviceOffline | UnknownDevice)
        if is_away or (self._failures >= self._settings.stop_attempts and not isinstance(error, Refused)):
            await self._owe(error)
        elif self._failures >= self._settings.stop_attempts:
            self._give_up(error)
        else:
            await self._pause(RETRY_STOP_S)

    async def _owe(self, error: DeviceError) -> None:
        """Keep the stop until the device is there again, or it is too late to matter."""
        if self.wanted.is_motion:
            return
        if self._is_closing:
            self._give_up(error)
            return
        self.is_stop_owed = True
        is_woken = await self._pause(self._settings.stop_owed_s)
        self.is_stop_owed = False
        if not is_woken:
            self._give_up(error)

    def _give_up(self, error: DeviceError) -> None:
        self.is_stop_lost = True
        self._lost.clear()
        self._told_move, self._told_focus = STOP, FOCUS_IRIS_STOP
        logger.warning("stop of %s could not be delivered, it may still be moving: %s", self._name, error)

    async def _pause(self, for_s: float) -> bool:
        """Wait for a new wish, or for the device; False when the time was over first."""
        try:
            async with asyncio.timeout(max(for_s, 0.0)):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _finish(self, error: Exception | None) -> None:
        """Tell those who wait how it went."""
        waiting, self._waiting = self._waiting, []
        for result in waiting:
            if result.done():
                continue
            if error is None:
                result.set_result(None)
            else:
                result.set_exception(error)
                result.exception()  # nobody may be waiting any longer
