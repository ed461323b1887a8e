"""The catalogue over the wire: GB-C058, C059, and the last good one kept."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from catalog.model import CatalogReplaced
from sipserver.devices.errors import DeviceOffline, NoAnswer, Refused, UnknownDevice
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import ScriptedDevice

CHANNELS = [f"3402000000132000000{number}" for number in range(1, 6)]
FRAGMENTS = [CHANNELS[:2], CHANNELS[2:4], CHANNELS[4:]]


async def registered(bench: Bench, device: ScriptedDevice) -> str:
    """Register, answer the DeviceInfo query, and return the SN of the Catalog query that follows."""
    await device.register()
    info = await device.query("DeviceInfo")
    await device.message(
        f"<Response><CmdType>DeviceInfo</CmdType><SN>{info.xml('SN')}</SN><DeviceID>{device.id}</DeviceID>"
        "<DeviceName>门卫</DeviceName><Result>OK</Result><Manufacturer>Demo</Manufacturer><Model>D1</Model>"
        "<Firmware>V5</Firmware></Response>".encode("gb18030")
    )
    return (await device.query("Catalog")).xml("SN")


def stored(bench: Bench) -> list[str]:
    return sorted(key.channel_id for key in bench.catalog.channels)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_a_catalogue_in_three_fragments_completes_in_any_order(
    bench: Bench, order: tuple[int, ...]
) -> None:
    async with bench.device() as device:
        sn = await registered(bench, device)
        for index in order:
            await device.send_catalog(sn, FRAGMENTS[index], sum_num=5)
        await until(lambda: bench.catalog.replaced == [(DEVICE_ID, 5, True)])
        assert stored(bench) == CHANNELS
        assert bench.catalog.channels[next(iter(bench.catalog.channels))].name == "大门 camera"
        assert bench.catalog.devices[DEVICE_ID].manufacturer == "Demo"
        assert bench.catalog.devices[DEVICE_ID].name == "门卫"


async def test_a_catalogue_with_a_missing_fragment_adds_and_takes_nothing_away(bench: Bench) -> None:
    async with bench.device() as device:
        sn = await registered(bench, device)
        for fragment in FRAGMENTS:
            await device.send_catalog(sn, fragment, sum_num=5)
        await until(lambda: len(bench.catalog.replaced) == 1)
        first = bench.service.catalog_sync.sync(DEVICE_ID)
        task = asyncio.ensure_future(first)
        again = (await device.query("Catalog")).xml("SN")
        assert again != sn
        await device.send_catalog(again, FRAGMENTS[0], sum_num=5)
        await device.send_catalog(again, FRAGMENTS[2], sum_num=5)
        result = await task
        assert (result.complete, result.items, result.sum_num) == (False, 3, 5)
        assert stored(bench) == CHANNELS


async def test_a_complete_catalogue_takes_away_what_it_lacks(bench: Bench) -> None:
    async with bench.device() as device:
        sn = await registered(bench, device)
        await device.send_catalog(sn, CHANNELS, sum_num=5)
        await until(lambda: len(bench.catalog.replaced) == 1)
        task = asyncio.ensure_future(bench.service.sync_catalog(DEVICE_ID))
        again = (await device.query("Catalog")).xml("SN")
        await device.send_catalog(again, CHANNELS[:2], sum_num=2)
        assert (await task).missing == 3
        assert stored(bench) == CHANNELS[:2]


async def test_two_who_ask_at_once_share_one_query(make_bench: MakeBench) -> None:
    bench = await make_bench(asks_devices=False)

    async with bench.device() as device:
        await device.register()
        tasks = [asyncio.ensure_future(bench.service.sync_catalog(DEVICE_ID)) for _ in range(2)]
        sn = (await device.query("Catalog")).xml("SN")
        await device.send_catalog(sn, CHANNELS, sum_num=5)
        assert [(await task).complete for task in tasks] == [True, True]
        assert not any(each.xml("CmdType") == "Catalog" for each in device.inbox if each.is_request)


async def test_a_query_that_the_device_refuses_or_ignores_ends_with_its_reason(make_bench: MakeBench) -> None:
    bench = await make_bench(asks_devices=False, query_timeout_s=0.2)
    with pytest.raises(UnknownDevice):
        await bench.service.sync_catalog(DEVICE_ID)
    async with bench.device() as device:
        await device.register()
        device.answers["MESSAGE"] = lambda request: device.response(request, 403)
        with pytest.raises(Refused) as refused:
            await bench.service.sync_catalog(DEVICE_ID)
        assert refused.value.status == 403
        device.answers["MESSAGE"] = lambda request: None
        with pytest.raises(NoAnswer):
            await bench.service.sync_catalog(DEVICE_ID)
        device.answers["MESSAGE"] = lambda request: device.response(request, 200)
        with pytest.raises(NoAnswer):
            await bench.service.sync_catalog(DEVICE_ID)
        await device.register(expires=0)
        with pytest.raises(DeviceOffline):
            await bench.service.sync_catalog(DEVICE_ID)


async def test_a_serial_number_that_came_back_changed_is_matched_when_one_question_is_out(
    make_bench: MakeBench,
) -> None:
    """Q28."""
    bench = await make_bench(asks_devices=False)

    async with bench.device() as device:
        await device.register()
        task = asyncio.ensure_future(bench.service.sync_catalog(DEVICE_ID))
        await device.query("Catalog")
        await device.send_catalog("987654", CHANNELS, sum_num=5)
        assert (await task).complete


async def test_a_refresh_from_the_same_place_does_not_ask_again(bench: Bench) -> None:
    async with bench.device() as device:
        sn = await registered(bench, device)
        await device.send_catalog(sn, CHANNELS, sum_num=5)
        await until(lambda: len(bench.catalog.replaced) == 1)
        await device.register()
        await device.keepalive()
        assert bench.service.catalog_sync.running == []
        device.call_id = "another-boot"
        await device.register()
        await device.query("DeviceInfo")


async def test_a_catalogue_that_fails_is_asked_for_again_with_growing_pauses(make_bench: MakeBench) -> None:
    bench = await make_bench(catalog_retries=3, catalog_retry_s=0.01, catalog_quiet_s=0.05)
    async with bench.device() as device:
        sn = await registered(bench, device)
        await device.send_catalog(sn, CHANNELS[:2], sum_num=5)
        again = (await device.query("Catalog")).xml("SN")
        await device.send_catalog(again, CHANNELS, sum_num=5)
        await until(lambda: bench.service.stats.catalogs_complete == 1)
        assert bench.service.stats.catalogs_partial == 1
        assert stored(bench) == CHANNELS


async def test_a_catalogue_that_could_not_be_stored_is_asked_for_again(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await make_bench(catalog_retries=3, catalog_retry_s=0.01)
    store = bench.catalog.replace_catalog

    async def locked_once(*_: object) -> CatalogReplaced:
        monkeypatch.setattr(bench.catalog, "replace_catalog", store)
        raise OSError("database is locked")

    monkeypatch.setattr(bench.catalog, "replace_catalog", locked_once)
    async with bench.device() as device:
        sn = await registered(bench, device)
        await device.send_catalog(sn, CHANNELS, sum_num=5)
        again = (await device.query("Catalog")).xml("SN")
        await device.send_catalog(again, CHANNELS, sum_num=5)
        await until(lambda: stored(bench) == CHANNELS)
