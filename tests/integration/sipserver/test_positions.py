"""Positions from a device made of text: forms, lies, and a database that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from catalog.model import ChannelKey
from sipserver.devices.positions.model import PositionEvent, StoredPosition
from sipserver.devices.positions.store import MemoryPositionStore
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.gb.subscription import State
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import ScriptedDevice

OTHER = "34020000001180000077"


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench(asks_devices=False)


@pytest.fixture
async def device(bench: Bench) -> AsyncIterator[ScriptedDevice]:
    async with bench.device() as opened:
        await opened.register()
        yield opened


def report(inside: str, cmd_type: str = "MobilePosition") -> bytes:
    return f"<Notify><CmdType>{cmd_type}</CmdType><SN>1</SN>{inside}</Notify>".encode()


PLACE = "<Time>2024-05-01T08:00:00</Time><Longitude>117.3</Longitude><Latitude>31.8</Latitude>"


async def test_a_report_is_stored_under_the_name_of_its_sender(bench: Bench, device: ScriptedDevice) -> None:
    """GB-C079: another device's id in the body places nothing of that device."""
    events: list[PositionEvent] = []
    positions = bench.service.positions
    positions.listeners.append(events.append)
    await device.message(report(f"<DeviceID>{OTHER}</DeviceID>{PLACE}"))
    await device.message(report(PLACE))
    assert positions.keys() == [ChannelKey(DEVICE_ID, DEVICE_ID), ChannelKey(DEVICE_ID, OTHER)]
    assert positions.latest(ChannelKey(OTHER, OTHER)) is None
    assert len(events) == 2
    (place,) = (await positions.track(ChannelKey(DEVICE_ID, OTHER))).items
    assert place.time == datetime(2024, 5, 1, tzinfo=UTC)
    bench.service.device_removed(DEVICE_ID)
    assert positions.keys() == []


@pytest.mark.parametrize("cmd_type", ["MobilePosition", "PTZPosition", "VideoUploadNotify"])
async def test_a_report_about_nobody_costs_only_itself(
    bench: Bench, device: ScriptedDevice, cmd_type: str
) -> None:
    assert (await device.message(report("<DeviceID>!</DeviceID>", cmd_type))).status == 200
    assert bench.service.stats.malformed_bodies == 1


async def test_no_more_objects_than_one_device_may_have(bench: Bench, device: ScriptedDevice) -> None:
    item = "<Item><DeviceID>{}</DeviceID><Longitude>1</Longitude><Latitude>1</Latitude></Item>"
    items = "".join(item.format(f"{number:04d}") for number in range(600))
    for prefix in ("", "9"):
        body = report(f"<DeviceID>{DEVICE_ID}</DeviceID><DeviceList>{items}</DeviceList>")
        await device.message(body.replace(b"<DeviceID>", f"<DeviceID>{prefix}".encode()))
    assert len(bench.service.positions.latest_of_device(DEVICE_ID)) == 1000
    assert bench.service.stats.positions["too many objects"] == 200


async def test_a_database_that_is_away_loses_nothing(
    bench: Bench, device: ScriptedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = MemoryPositionStore.save

    async def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(MemoryPositionStore, "save", fail)
    await device.message(report(PLACE))
    positions = bench.service.positions
    await positions.save()
    assert bench.service.stats.positions["save failures"] >= 1
    monkeypatch.setattr(MemoryPositionStore, "save", save)
    found: list[StoredPosition] = (await positions.track(ChannelKey(DEVICE_ID, DEVICE_ID))).items
    assert len(found) == 1
    assert datetime.now(UTC) - found[0].received_time < timedelta(minutes=1)


async def test_a_removed_device_is_subscribed_to_no_longer(bench: Bench, device: ScriptedDevice) -> None:
    device.answers["SUBSCRIBE"] = lambda request: device.response(request, 200, headers="Expires: 600\r\n")
    subscriptions = bench.service.subscriptions
    assert (await subscriptions.want(DEVICE_ID, Kind.ALARM)).state is State.ACTIVE
    bench.service.device_removed(DEVICE_ID)
    assert subscriptions.views() == []
    await until(lambda: not subscriptions.wants(DEVICE_ID, Kind.ALARM))
