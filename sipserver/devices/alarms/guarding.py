"""Arming and disarming, by hand and after registration, and resetting device alarms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.alarms.model import Alarm, DevicePolicy, Guard
from sipserver.devices.alarms.ports import AlarmCommands
from sipserver.devices.alarms.rule_store import RuleStore
from sipserver.devices.alarms.settings import AlarmSettings, AutoReset
from sipserver.devices.errors import DeviceError
from sipserver.devices.stats import DeviceStats
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written
from sipserver.gb.alarm_tables import DEVICE_ALARM

ARMING_AT_ONCE: Final = 8
"""Devices armed side by side, so that a restart with thousands of them is no storm of commands."""
ARMING_ATTEMPTS: Final = 5
ARMING_RETRY_S: Final = 60.0
RESETS_MAX: Final = 2000
"""Resets that wait; an alarm beyond is reset when an operator asks for it."""

logger = logging.getLogger(__name__)


class Guarding:
    """What each device was told, and what it is told by itself."""

    def __init__(
        self,
        settings: AlarmSettings,
        commands: AlarmCommands,
        store: RuleStore,
        stats: DeviceStats,
        *,
        wall: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._store = store
        self._stats = stats
        self._wall = wall
        self._policies: dict[str, DevicePolicy] = {}
        self._guards: dict[tuple[str, str], Guard] = {}
        self._to_arm: dict[str, int] = {}
        """Devices that wait to be armed, and how often that failed."""
        self._arm_wanted = asyncio.Event()
        self._resetting: set[tuple[str, str]] = set()
        self._owed: set[tuple[str, str]] = set()
        """Resets that did not reach their device: sent when it registers again."""
        self._tasks = TaskOwner("alarm guarding")

    async def open(self) -> None:
        self._policies = {policy.device_id: policy for policy in await self._store.policies()}
        self._guards = {(guard.device_id, guard.target_id): guard for guard in await self._store.guards()}
        for number in range(ARMING_AT_ONCE):
            self._tasks.spawn(self._arm_waiting(), f"arming {number}")

    async def close(self) -> None:
        await self._tasks.close()

    def device_removed(self, device_id: str) -> None:
        self._policies.pop(device_id, None)
        self._to_arm.pop(device_id, None)
        for key in [key for key in self._guards if key[0] == device_id]:
            del self._guards[key]
        self._owed = {owed for owed in self._owed if owed[0] != device_id}
        forget = partial(self._store.forget_device, device_id)
        self._tasks.spawn(until_written(forget, f"the removal of {device_id}"), f"removal of {device_id}")

    # ---------------------------------------------------------------- questions

    def policy_of(self, device_id: str) -> DevicePolicy:
        return self._policies.get(device_id, DevicePolicy(device_id=device_id))

    def guards_of(self, device_id: str) -> list[Guard]:
        return [guard for (device, _), guard in sorted(self._guards.items()) if device == device_id]

    def arms_by_itself(self, device_id: str) -> bool:
        own = self.policy_of(device_id).auto_arm
        return self._settings.auto_arm if own is None else own

    def auto_reset_of(self, device_id: str) -> AutoReset:
        return self.policy_of(device_id).auto_reset or self._settings.auto_reset

    # ---------------------------------------------------------------- commands

    async def set_policy(self, policy: DevicePolicy) -> None:
        await self._store.save_policy(policy)
        self._policies[policy.device_id] = policy

    async def set_guard(self, device_id: str, target_id: str, *, armed: bool, by: str) -> Guard:
        """Arm or disarm a device or one of its alarm inputs.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        confirmed = await self._commands.set_guard(device_id, target_id, armed=armed)
        guard = Guard(
            device_id=device_id,
            target_id=target_id,
            is_armed=armed,
            is_confirmed=confirmed is True,
            changed_time=self._wall(),
            changed_by=by,
        )
        self._guards[device_id, target_id] = guard
        await self._store.save_guard(guard)
        return guard

    async def reset(
        self, device_id: str, target_id: str, methods: tuple[int, ...] = (), alarm_type: int | None = None
    ) -> bool | None:
        """Reset alarms; True when the device reported OK, None when it reported nothing.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        result = await self._commands.reset_alarm(
            device_id, target_id, methods=methods, alarm_type=alarm_type
        )
        self._stats.alarm_resets += 1
        self._owed.discard((device_id, target_id))
        return result

    # ---------------------------------------------------------------- by themselves

    def registered(self, device_id: str) -> None:
        """A registration began or the device restarted: what it was told may be forgotten."""
        for owed_device, target_id in list(self._owed):
            if owed_device == device_id:
                self._reset_soon(device_id, target_id)
        if not self.arms_by_itself(device_id):
            return
        guard = self._guards.get((device_id, device_id))
        if guard is not None and not guard.is_armed and guard.changed_by:
            return  # an operator disarmed it, and that stays
        self._to_arm[device_id] = 0
        self._arm_wanted.set()

    def went_offline(self, device_id: str) -> None:
        self._to_arm.pop(device_id, None)

    def alarm_came(self, device_id: str, target_id: str, method: int) -> None:
        """A device alarm, new or repeated (GB-C078): without a reset the next one never comes (Q50)."""
        if method == DEVICE_ALARM and self.auto_reset_of(device_id) is AutoReset.AT_ONCE:
            self._reset_soon(device_id, target_id)

    def acknowledged(self, alarm: Alarm) -> None:
        if alarm.method == DEVICE_ALARM and self.auto_reset_of(alarm.device_id) is AutoReset.ACKNOWLEDGED:
            self._reset_soon(alarm.device_id, alarm.source_id, delay_s=0.0)

    # ---------------------------------------------------------------- inside

    def _reset_soon(self, device_id: str, target_id: str, delay_s: float | None = None) -> None:
        key = (device_id, target_id)
        if key in self._resetting or len(self._resetting) >= RESETS_MAX:
            return
        self._resetting.add(key)
        pause_s = self._settings.reset_delay_s if delay_s is None else delay_s
        if self._tasks.spawn(self._reset_after(device_id, target_id, pause_s), f"reset {target_id}") is None:
            self._resetting.discard(key)

    async def _reset_after(self, device_id: str, target_id: str, delay_s: float) -> None:
        try:
            await asyncio.sleep(delay_s)
            await self.reset(device_id, target_id, (DEVICE_ALARM,))
        except DeviceError as error:
            logger.warning("the alarm of %s could not be reset: %s", target_id, error)
            if len(self._owed) < RESETS_MAX:
                self._owed.add((device_id, target_id))
        finally:
            self._resetting.discard((device_id, target_id))

    async def _arm_waiting(self) -> None:
        while True:
            while not self._to_arm:
                self._arm_wanted.clear()
                await self._arm_wanted.wait()
            device_id = next(iter(self._to_arm))
            failures = self._to_arm.pop(device_id)
            try:
                guard = await self.set_guard(device_id, device_id, armed=True, by="")
                logger.info(
                    "device %s was armed after its registration%s",
                    device_id,
                    "" if guard.is_confirmed else " and reported no result",
                )
            except (DeviceError, SQLAlchemyError, OSError) as error:
                self._arm_again(device_id, failures + 1, error)

    def _arm_again(self, device_id: str, failures: int, error: Exception) -> None:
        if failures >= ARMING_ATTEMPTS:
            logger.warning("device %s could not be armed: %s", device_id, error)
            return

        async def later() -> None:
            await asyncio.sleep(ARMING_RETRY_S)
            self._to_arm.setdefault(device_id, failures)
            self._arm_wanted.set()

        self._tasks.spawn(later(), f"arm {device_id} again")
