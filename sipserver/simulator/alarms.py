"""Alarms of a simulated device: raised on demand, held back until armed or reset where devices do that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sipserver.gb.alarm_tables import DEVICE_ALARM, parse_methods
from sipserver.gb.control_commands import AlarmReset, GuardCommand
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.alarm import AlarmNotify, AlarmResponse
from sipserver.gb.messages.device_control import DeviceControl
from sipserver.simulator.features import DeviceParts

ANSWERS_MAX: Final = 1000
REPEATS_MAX: Final = 10_000
REPEATING_MAX: Final = 100

Notifier = Callable[[AlarmNotify], bool]
"""Sends an alarm to a subscriber; False when there is none who wants it."""


class AlarmInputs:
    """The alarm inputs of a device. Without a subscription alarms go out as MESSAGE, as from most devices."""

    def __init__(self, parts: DeviceParts) -> None:
        self._parts = parts
        self._held: set[tuple[str, int]] = set()
        """Source and method whose next alarm waits for ResetAlarm (Q50)."""
        self._repeating: set[asyncio.Task[None]] = set()
        self._guard_before = parts.controls.get("GuardCmd")
        self._reset_before = parts.controls.get("AlarmCmd")
        self.armed: set[str] = set()
        """The targets that were told SetGuard."""
        self.resets: deque[tuple[str, AlarmReset]] = deque(maxlen=ANSWERS_MAX)
        self.answers: deque[AlarmResponse] = deque(maxlen=ANSWERS_MAX)
        """What the platform answered, the newest last."""
        self.notify: Notifier | None = None
        parts.controls["GuardCmd"] = self._guard
        parts.controls["AlarmCmd"] = self._reset
        parts.commands["Response", "Alarm"] = self._answered

    async def open(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """End the repeats."""
        repeating = list(self._repeating)
        for task in repeating:
            task.cancel()
        await asyncio.gather(*repeating, return_exceptions=True)

    def raise_alarm(
        self,
        *,
        method: int = 5,
        alarm_type: int | None = 2,
        priority: int = 4,
        source_id: str = "",
        event_type: int | None = None,
        description: str = "",
        at: datetime | None = None,
    ) -> bool:
        """Report an alarm; False when the device keeps it to itself: not armed, or not reset since the last.

        Args:
            source_id: the camera or alarm input; empty: the first channel.
            at: the device's clock; None: now.
        """
        source = source_id or next(iter(self._parts.channels), self._parts.settings.device_id)
        if not self._may_report(source, method):
            return False
        alarm = AlarmNotify(
            sn=self._parts.signalling.next_sn(),
            device_id=GbId(source),
            priority=priority,
            method=method,
            alarm_time=at or datetime.now(UTC),
            description=description,
            alarm_type=alarm_type,
            event_type=event_type,
        )
        self._send(alarm)
        if self._parts.behaviour.alarm_repeat_s > 0 and len(self._repeating) < REPEATING_MAX:
            task = asyncio.get_running_loop().create_task(self._repeat(alarm), name="repeated alarm")
            self._repeating.add(task)
            task.add_done_callback(self._repeating.discard)
        return True

    def _may_report(self, source: str, method: int) -> bool:
        behaviour, device_id = self._parts.behaviour, self._parts.settings.device_id
        if behaviour.alarms_need_guard and not self.armed & {source, device_id}:
            return False
        if (source, method) in self._held:
            return False
        if method == DEVICE_ALARM or behaviour.every_alarm_needs_reset:
            self._held.add((source, method))
        return True

    def _send(self, alarm: AlarmNotify) -> None:
        if self.notify is None or not self.notify(alarm):
            self._parts.say(alarm.to_xml())

    async def _repeat(self, alarm: AlarmNotify) -> None:
        for _ in range(REPEATS_MAX):
            await asyncio.sleep(self._parts.behaviour.alarm_repeat_s)
            self._send(alarm)

    # ---------------------------------------------------------------- what the platform says

    def _guard(self, control: DeviceControl) -> bool:
        if isinstance(control.command, GuardCommand):
            change = self.armed.add if control.command.is_armed else self.armed.discard
            change(control.device_id)
        return True if self._guard_before is None else bool(self._guard_before(control))

    def _reset(self, control: DeviceControl) -> bool:
        if isinstance(control.command, AlarmReset):
            self.resets.append((control.device_id, control.command))
            methods = parse_methods(control.command.method)
            is_all = control.device_id == self._parts.settings.device_id
            self._held = {
                (source, method)
                for source, method in self._held
                if not (is_all or source == control.device_id) or (methods and method not in methods)
            }
            for task in self._repeating:
                task.cancel()
        return True if self._reset_before is None else bool(self._reset_before(control))

    def _answered(self, document: Document) -> list[Element]:
        self.answers.append(AlarmResponse.from_xml(document.element))
        return []
