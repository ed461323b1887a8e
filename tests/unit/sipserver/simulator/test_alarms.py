"""The alarm inputs of a simulated device."""

from collections.abc import AsyncIterator, Callable

import pytest

from sipserver.gb.control_commands import AlarmReset, GuardCommand
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_control import DeviceControl
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.settings import SimulatedDeviceSettings

MakeDevice = Callable[..., "SimulatedDevice"]


@pytest.fixture
async def make(settings_of: Callable[..., SimulatedDeviceSettings]) -> AsyncIterator[Callable[..., object]]:
    devices: list[SimulatedDevice] = []

    async def made(*faults: str) -> SimulatedDevice:
        device = SimulatedDevice(settings_of(faults=faults, expires_s=3600))
        devices.append(device)
        await device.start()
        return device

    yield made
    for device in devices:
        await device.stop()


def command(device: SimulatedDevice, what: GuardCommand | AlarmReset, target: str = "") -> bool | None:
    control = DeviceControl("1", GbId(target or device.settings.device_id), what)
    return device.parts.controls[control.element_name](control)


async def test_a_device_alarm_waits_for_its_reset(make: Callable[..., object]) -> None:
    """Section 3.3; other methods do not wait."""
    device = await make()  # type: ignore[misc]
    assert device.alarms.raise_alarm(method=2)
    assert not device.alarms.raise_alarm(method=2)
    assert device.alarms.raise_alarm(method=5)
    assert device.alarms.raise_alarm(method=5)
    assert command(device, AlarmReset("5")) is True
    assert not device.alarms.raise_alarm(method=2)
    assert command(device, AlarmReset("2"), "34020000001340000009") is True
    assert not device.alarms.raise_alarm(method=2)
    command(device, AlarmReset())
    assert device.alarms.raise_alarm(method=2)


async def test_a_device_that_waits_with_every_method(make: Callable[..., object]) -> None:
    """Q50."""
    device = await make("alarm-waits-for-reset")  # type: ignore[misc]
    assert device.alarms.raise_alarm(method=5)
    assert not device.alarms.raise_alarm(method=5)
    command(device, AlarmReset())
    assert device.alarms.raise_alarm(method=5)


async def test_a_device_that_reports_nothing_before_it_is_armed(make: Callable[..., object]) -> None:
    device = await make("alarm-needs-guard")  # type: ignore[misc]
    channel = device.settings.all_channel_ids[0]
    assert not device.alarms.raise_alarm()
    command(device, GuardCommand(True), channel)
    assert device.alarms.raise_alarm()
    command(device, GuardCommand(False), channel)
    assert not device.alarms.raise_alarm()
    command(device, GuardCommand(True))
    assert device.alarms.raise_alarm()


async def test_subscribers_come_before_messages(make: Callable[..., object]) -> None:
    device = await make()  # type: ignore[misc]
    told: list[object] = []

    def notify(alarm: object) -> bool:
        told.append(alarm)
        return True

    device.alarms.notify = notify
    assert device.alarms.raise_alarm()
    assert len(told) == 1
