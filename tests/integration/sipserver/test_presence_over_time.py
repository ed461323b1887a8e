"""Online and offline as time passes, over our own restart, and with a database that is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sipserver.devices.device_entry import Registration
from sipserver.devices.presence_state import State
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, offline, until


async def test_a_silent_device_is_asked_and_stays_online_when_it_answers(make_bench: MakeBench) -> None:
    bench = await make_bench(asks_devices=False)
    async with bench.device() as device:
        await device.register(expires=86400)
        bench.clock.ahead_s = 181.0
        await bench.service.presence.tick()
        assert bench.service.presence.get(DEVICE_ID).state is State.SUSPECT  # type: ignore[union-attr]
        assert bench.service.presence.is_online(DEVICE_ID)
        await device.query("DeviceStatus")
        await until(lambda: bench.service.presence.get(DEVICE_ID).state is State.ONLINE)  # type: ignore[union-attr]
        assert bench.service.stats.probes_answered == 1


async def test_a_silent_device_that_does_not_answer_goes_offline(make_bench: MakeBench) -> None:
    """GB-C046: three periods of 60 s, and an unanswered question."""
    bench = await make_bench(asks_devices=False, probe_timeout_s=0.1)
    async with bench.device() as device:
        await device.register(expires=86400)
        device.answers["MESSAGE"] = lambda request: None
        bench.clock.ahead_s = 179.0
        await bench.service.presence.tick()
        assert bench.service.stats.probes == 0
        gone = offline(bench)
        bench.clock.ahead_s = 181.0
        await bench.service.presence.tick()
        async with asyncio.timeout(5):
            assert await gone == "no keepalive, and no answer when asked"


async def test_devices_stay_online_over_our_restart(make_bench: MakeBench) -> None:
    """Field lesson 1 and 18: a restart is not an outage of every camera."""
    bench = await make_bench()
    async with bench.device() as device:
        await device.register()
        await bench.service.close()
        await bench.transport.close()
        second = await make_bench_with(make_bench, bench)
        assert second.service.presence.get(DEVICE_ID).state is State.RESTORED  # type: ignore[union-attr]
        device.server = second.address()
        assert (await device.keepalive()).status == 200
        assert second.service.presence.get(DEVICE_ID).state is State.ONLINE  # type: ignore[union-attr]


async def test_a_restored_device_that_keeps_silent_goes_offline_after_its_full_time(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(probe_timeout_s=0.1)
    async with bench.device() as device:
        await device.register()
        await bench.service.close()
        await bench.transport.close()
    second = await make_bench_with(make_bench, bench, probe_timeout_s=0.1)
    gone = offline(second)
    second.clock.ahead_s = 179.0
    await second.service.presence.tick()
    assert second.service.presence.is_online(DEVICE_ID)
    second.clock.ahead_s = 181.0
    await second.service.presence.tick()
    async with asyncio.timeout(5):
        await gone


async def test_a_registration_that_lapsed_while_we_were_down_is_not_restored(make_bench: MakeBench) -> None:
    bench = await make_bench()
    async with bench.device() as device:
        await device.register()
        await bench.service.close()
        await bench.transport.close()
        past = datetime.now(UTC) - timedelta(seconds=5)
        bench.catalog.devices[DEVICE_ID] = replace(bench.catalog.devices[DEVICE_ID], expires_at=past)
        second = await make_bench_with(make_bench, bench)
        assert not second.service.presence.is_online(DEVICE_ID)
        device.server = second.address()
        assert (await device.keepalive()).status == 403
        await second.service.presence.save()
        assert not second.catalog.devices[DEVICE_ID].online


async def test_presence_is_saved_in_batches_and_survives_a_database_that_is_away(bench: Bench) -> None:
    async with bench.device() as device:
        bench.catalog.fail_saving = True
        await device.register()
        await bench.service.presence.save()
        assert bench.service.stats.presence_save_failures >= 1
        bench.catalog.fail_saving = False
        await bench.service.presence.save()
        stored = bench.catalog.devices[DEVICE_ID]
        assert stored.online
        assert (stored.remote_host, stored.remote_port) == device.address
        assert stored.transport == "UDP"


async def test_a_device_that_changes_hosts_too_often_raises_an_event(make_bench: MakeBench) -> None:
    bench = await make_bench(moves_per_hour_max=2)
    async with bench.device() as one, bench.device(local=("127.0.0.2", 0)) as two:
        for device in (one, two, one, two):
            await device.register()
        assert bench.service.stats.flapping == 1


async def make_bench_with(make_bench: MakeBench, before: Bench, **settings: object) -> Bench:
    """A second platform on the catalogue of the first."""
    return await make_bench(catalog=before.catalog, dialogs=before.dialogs, **settings)


async def test_an_idle_device_has_neither_task_nor_timer(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every feature on: fifty thousand devices may not wake up the loop one by one."""
    bench = await make_bench(asks_devices=False)
    presence = bench.service.presence
    tasks, timers = asyncio.all_tasks(), 0
    loop = asyncio.get_running_loop()
    call_at = loop.call_at

    def count(*arguments: Any, **more: Any) -> asyncio.TimerHandle:
        nonlocal timers
        timers += 1
        return call_at(*arguments, **more)

    monkeypatch.setattr(loop, "call_at", count)
    for number in range(300):
        device_id = f"3402000000132{number:07d}"
        flow = bench.transport.flow_to(("192.0.2.9", 1024 + number))
        for _ in range(2):
            entry = presence.registered(Registration(device_id, flow, 3600.0, "call", user_agent="IPC"))
        presence.keepalive(entry, flow, bench.clock())
    assert sum(entry.is_online for entry in presence.table) == 300
    assert asyncio.all_tasks() == tasks
    assert timers == 0
