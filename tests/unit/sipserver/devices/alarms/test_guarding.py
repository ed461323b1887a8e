"""Arming and resetting, by hand and by itself. GB-C078, Q50."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from sipserver.devices.alarms.guarding import Guarding
from sipserver.devices.alarms.memory import MemoryRuleStore
from sipserver.devices.alarms.model import DevicePolicy
from sipserver.devices.alarms.settings import AlarmSettings, AutoReset
from sipserver.devices.errors import DeviceOffline
from sipserver.devices.stats import DeviceStats
from tests.unit.sipserver.devices.alarms.test_stores import START, alarm

DEVICE = "34020000001180000005"


@dataclass
class FakeCommands:
    """Remembers commands; fails with ``error``."""

    sent: list[tuple[object, ...]] = field(default_factory=list)
    error: Exception | None = None
    result: bool | None = True

    async def set_guard(self, device_id: str, target_id: str, *, armed: bool) -> bool | None:
        return self._answer("guard", device_id, target_id, armed)

    async def reset_alarm(
        self, device_id: str, target_id: str, *, methods: tuple[int, ...] = (), alarm_type: int | None = None
    ) -> bool | None:
        return self._answer("reset", device_id, target_id, methods, alarm_type)

    def _answer(self, *command: object) -> bool | None:
        self.sent.append(command)
        if self.error is not None:
            raise self.error
        return self.result


async def until(what: Callable[[], bool]) -> None:
    for _ in range(400):
        if what():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it does not happen")


@pytest.fixture
def commands() -> FakeCommands:
    return FakeCommands()


@pytest.fixture
async def guarding(commands: FakeCommands) -> AsyncIterator[Guarding]:
    made = Guarding(
        AlarmSettings(reset_delay_s=0.1, auto_reset=AutoReset.NEVER),
        commands,
        MemoryRuleStore(),
        DeviceStats(),
        wall=lambda: START,
    )
    await made.open()
    yield made
    await made.close()


async def test_what_a_device_was_told_is_remembered(guarding: Guarding, commands: FakeCommands) -> None:
    commands.result = None
    guard = await guarding.set_guard(DEVICE, "input", armed=True, by="admin")
    assert (guard.is_armed, guard.is_confirmed, guard.changed_by) == (True, False, "admin")
    assert guarding.guards_of(DEVICE) == [guard]
    commands.error = DeviceOffline("gone")
    with pytest.raises(DeviceOffline):
        await guarding.set_guard(DEVICE, "input", armed=False, by="admin")
    assert guarding.guards_of(DEVICE) == [guard]


async def test_devices_are_armed_after_registration_when_their_policy_says_so(
    guarding: Guarding, commands: FakeCommands
) -> None:
    guarding.registered(DEVICE)
    await guarding.set_policy(DevicePolicy(device_id=DEVICE, auto_arm=True))
    guarding.registered(DEVICE)
    await until(lambda: len(guarding.guards_of(DEVICE)) == 1)
    assert commands.sent == [("guard", DEVICE, DEVICE, True)]
    assert guarding.guards_of(DEVICE)[0].changed_by == ""


async def test_what_an_operator_disarmed_stays_disarmed(guarding: Guarding, commands: FakeCommands) -> None:
    await guarding.set_policy(DevicePolicy(device_id=DEVICE, auto_arm=True))
    await guarding.set_guard(DEVICE, DEVICE, armed=False, by="admin")
    guarding.registered(DEVICE)
    await asyncio.sleep(0)
    assert len(commands.sent) == 1


@pytest.mark.parametrize(("method", "resets"), [(2, 1), (5, 0), (0, 0)])
async def test_device_alarms_alone_are_reset_at_once(
    guarding: Guarding, commands: FakeCommands, method: int, resets: int
) -> None:
    """GB-C078; a second alarm before the reset adds none."""
    await guarding.set_policy(DevicePolicy(device_id=DEVICE, auto_reset=AutoReset.AT_ONCE))
    guarding.alarm_came(DEVICE, "input", method)
    guarding.alarm_came(DEVICE, "input", method)
    if resets:
        await until(lambda: bool(commands.sent))
    assert commands.sent == [("reset", DEVICE, "input", (2,), None)] * resets


async def test_acknowledging_resets_when_the_policy_says_so(
    guarding: Guarding, commands: FakeCommands
) -> None:
    guarding.acknowledged(alarm(1, method=2))
    await guarding.set_policy(DevicePolicy(device_id=DEVICE, auto_reset=AutoReset.ACKNOWLEDGED))
    guarding.acknowledged(alarm(1, method=5))
    guarding.acknowledged(alarm(1, method=2))
    await until(lambda: bool(commands.sent))
    assert commands.sent == [("reset", DEVICE, alarm(1).source_id, (2,), None)]


async def test_a_reset_that_was_lost_is_sent_when_the_device_is_back(
    guarding: Guarding, commands: FakeCommands
) -> None:
    await guarding.set_policy(DevicePolicy(device_id=DEVICE, auto_reset=AutoReset.AT_ONCE))
    commands.error = DeviceOffline("gone")
    guarding.alarm_came(DEVICE, "input", 2)
    await until(lambda: len(commands.sent) == 1)
    commands.error = None
    await until(lambda: not guarding._resetting)
    guarding.registered(DEVICE)
    await until(lambda: len(commands.sent) == 2)
    await until(lambda: not guarding._resetting)
    guarding.registered(DEVICE)
    await asyncio.sleep(0)
    assert not guarding._resetting


async def test_closing_ends_what_waits(guarding: Guarding, commands: FakeCommands) -> None:
    await guarding.set_policy(DevicePolicy(device_id=DEVICE, auto_reset=AutoReset.AT_ONCE))
    guarding.alarm_came(DEVICE, "input", 2)
    await guarding.close()
    guarding.alarm_came(DEVICE, "other", 2)
    assert commands.sent == []
