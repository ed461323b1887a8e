"""Platforms below us that lie, over the wire: what is said falls back on who said it. GB-C059, GB-C135."""

from __future__ import annotations

import asyncio

import pytest

from sipserver.gb.catalog_collector import CatalogCollector
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem, CatalogResponse
from tests.integration.sipserver.conftest import Bench, until
from tests.integration.sipserver.scripted_device import ScriptedDevice
from tests.integration.sipserver.test_catalog_sync import registered

OWN = "34020000002000000001"
TOWN, VILLAGE = "34020100002000000001", "34020200002000000001"
NVR = "34020100001180000001"


def camera(number: int) -> str:
    return f"3402010000132000000{number}"


def item(item_id: str, name: str = "大门", parent: str = TOWN) -> str:
    return (
        f"<Item><DeviceID>{item_id}</DeviceID><Name>{name}</Name><ParentID>{parent}</ParentID>"
        "<Status>ON</Status></Item>"
    )


def answer(
    sn: str, *items: str, sum_num: int | None = None, device_id: str = TOWN, declared: str = "GB2312"
) -> str:
    count = len(items) if sum_num is None else sum_num
    return (
        f'<?xml version="1.0" encoding="{declared}"?>\r\n<Response><CmdType>Catalog</CmdType><SN>{sn}</SN>'
        f"<DeviceID>{device_id}</DeviceID><SumNum>{count}</SumNum>"
        f'<DeviceList Num="{len(items)}">{"".join(items)}</DeviceList></Response>\r\n'
    )


async def asked(bench: Bench, device: ScriptedDevice) -> tuple[str, asyncio.Task[object]]:
    """The catalogue is asked for once more."""
    task: asyncio.Task[object] = asyncio.ensure_future(bench.service.catalog_sync.sync(device.id))
    return (await device.query("Catalog")).xml("SN"), task


def stored(bench: Bench, device_id: str = TOWN) -> dict[str, str]:
    return {
        key.channel_id: channel.name
        for key, channel in bench.catalog.channels.items()
        if key.device_id == device_id
    }


async def test_it_does_not_list_us_nor_what_it_has_of_us(bench: Bench) -> None:
    """Its superior's id as a channel, and an NVR that hangs below it there."""
    async with bench.device(TOWN) as town:
        sn = await registered(bench, town)
        listed = (item(OWN), item(NVR, parent=OWN), item(camera(1), parent=NVR), item(camera(2)))
        await town.message(answer(sn, *listed).encode("gb18030"))
        await until(lambda: bench.catalog.replaced != [])
        assert set(stored(bench)) == {camera(2)}
        assert bench.service.foreign.refused == 3


async def test_another_platform_s_ids_are_its_own_words_alone(bench: Bench) -> None:
    """It lists a registered platform with its cameras: kept under who said so, and nothing else changes."""
    async with bench.device(TOWN) as town, bench.device(VILLAGE) as village:
        sn = await registered(bench, village)
        own = answer(sn, item(camera(1), "its own", VILLAGE), device_id=VILLAGE)
        await village.message(own.encode("gb18030"))
        await until(lambda: bench.catalog.replaced != [])
        sn = await registered(bench, town)
        stolen = (item(VILLAGE), item(camera(1), "stolen", VILLAGE))
        # In the name of the other one, too.
        await town.message(answer(sn, *stolen, device_id=VILLAGE).encode("gb18030"))
        await until(lambda: len(bench.catalog.replaced) == 2)
        assert stored(bench, VILLAGE) == {camera(1): "its own"}
        assert set(stored(bench)) == {VILLAGE, camera(1)}


async def test_who_was_not_asked_does_not_answer(bench: Bench) -> None:
    """Another platform that guesses the number of a query is not heard."""
    async with bench.device(TOWN) as town, bench.device(VILLAGE) as village:
        sn = await registered(bench, town)
        await registered(bench, village)
        await village.message(answer(sn, item(camera(9)), device_id=TOWN).encode("gb18030"))
        await town.message(answer(sn, item(camera(2))).encode("gb18030"))
        await until(lambda: bench.catalog.replaced != [])
        assert set(stored(bench)) == {camera(2)}


async def test_a_sum_that_lies_takes_nothing_away(bench: Bench) -> None:
    """GB-C059: fewer than were promised is an answer with holes; more than promised are all taken."""
    async with bench.device(TOWN) as town:
        sn = await registered(bench, town)
        await town.message(answer(sn, item(camera(1)), item(camera(2))).encode("gb18030"))
        await until(lambda: len(bench.catalog.replaced) == 1)
        sn, task = await asked(bench, town)
        await town.message(answer(sn, item(camera(3)), sum_num=100_000).encode("gb18030"))
        await task
        assert bench.catalog.replaced[-1] == (TOWN, 1, False)
        assert set(stored(bench)) == {camera(1), camera(2), camera(3)}
        sn, task = await asked(bench, town)
        more = [item(camera(number)) for number in range(1, 6)]
        await town.message(answer(sn, *more, sum_num=2).encode("gb18030"))
        await task
        assert bench.catalog.replaced[-1] == (TOWN, 5, True)


@pytest.mark.parametrize(
    ("declared", "spoken"), [("UTF-8", "gb18030"), ("GB2312", "utf-8"), ("nonsense", "gb18030")]
)
async def test_names_in_another_charset_than_is_said_are_read_by_what_they_are(
    bench: Bench, declared: str, spoken: str
) -> None:
    async with bench.device(TOWN) as town:
        sn = await registered(bench, town)
        await town.message(answer(sn, item(camera(1), "人民路口"), declared=declared).encode(spoken))
        await until(lambda: bench.catalog.replaced != [])
        assert stored(bench) == {camera(1): "人民路口"}


def test_a_hundred_thousand_times_the_same_is_one_and_comes_to_an_end() -> None:
    """GB-C059: it promised 200 items and sends one, 100,001 times: it takes neither memory nor time."""
    collector = CatalogCollector("7", 0.0, quiet_s=1.0, total_s=60.0, stalled_s=5.0)
    same = CatalogResponse("7", GbId(TOWN), 200, (CatalogItem(GbId(camera(1))),) * 100)
    now, sent = 0.0, 0
    while collector.result is None and sent < 100_001:
        now += 0.01
        collector.receive(same, now)
        collector.handle_timer(now)
        sent += 100
    assert collector.result is not None
    assert now <= 6.0, "what brings nothing new is not listened to for ever"
    assert (len(collector.result.items), collector.result.complete) == (1, False)
    assert collector.result.duplicates == sent - 1
