"""Outages through the whole platform: what is shown when devices go and come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from health.outages.settings import OutageSettings
from sipserver.devices.settings import DeviceSettings
from sipserver.simulator.device import SimulatedDevice
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

QUICK = OutageSettings(together_s=5.0, sites={"127.0.0.0/8": "loopback market"})
IMPATIENT = DeviceSettings(
    host=HOST,
    port=0,
    password=SIP_PASSWORD,
    keepalive_interval_s=1.0,
    keepalive_count=2,
    probe_timeout_s=0.5,
    catalog_quiet_s=1.0,
)


async def causes(site: SmallSite, **query: str) -> list[tuple[str, str]]:
    items = (await site.api.get("/outages", params=query)).json()["items"]
    return [(item["device_id"], item["cause"]) for item in items]


async def first_news(site: SmallSite, name: str) -> str:
    """The data of the first event of that name."""
    async with site.api.stream("GET", "/events", params={"kinds": "presence"}, timeout=60) as events:
        rows = events.aiter_lines()
        async for row in rows:
            if row == f"event: {name}":
                return await anext(rows)
    raise AssertionError("the stream of events ended")


async def test_a_camera_that_unregisters_has_left_and_its_return_ends_the_outage(tmp_path: Path) -> None:
    async with small_site(tmp_path, outages=QUICK) as site:
        camera = await site.add_camera()
        device_id = camera.settings.device_id
        await camera.stop()

        async def judged() -> bool:
            return await causes(site, device_id=device_id, open="true") == [(device_id, "left")]

        await eventually(judged, "the outage is judged")
        await camera.start()
        await camera.wait_registered(10)

        async def ended() -> bool:
            return await causes(site, device_id=device_id, open="false") == [(device_id, "left")]

        await eventually(ended, "the outage has ended")
        assert (await site.api.get("/outages/sites")).json()["items"] == []


async def test_a_camera_that_comes_back_with_a_wrong_password_is_no_matter_of_the_network(
    tmp_path: Path,
) -> None:
    async with small_site(tmp_path, outages=QUICK, sip=IMPATIENT) as site:
        camera = await site.add_camera(keepalive_interval_s=0.5)
        await camera.go_dark()
        mistyped = replace(camera.settings, password="mistyped", register_retry_s=0.2)
        stranger = SimulatedDevice(mistyped)
        site.devices.append(stranger)
        await stranger.start()

        async def told() -> bool:
            return (camera.settings.device_id, "credential") in await causes(site, open="true")

        await eventually(told, "the password is found wrong", timeout_s=40)


async def test_a_missing_picture_and_a_broken_disk_are_told_apart(tmp_path: Path) -> None:
    async with small_site(tmp_path, outages=QUICK) as site:
        silent = await site.add_camera(0, faults=("no-answer",))
        broken = await site.add_camera(1)
        key = f"{silent.settings.device_id}~{silent.settings.all_channel_ids[0]}"
        assert (await site.api.post(f"/channels/{key}/live")).status_code == 504
        broken.raise_alarm(method=6, alarm_type=1)
        wanted = [
            (silent.settings.device_id, "media"),
            (broken.settings.device_id, "storage"),
        ]

        async def told() -> bool:
            found = await causes(site, open="true")
            return all(each in found for each in wanted)

        await eventually(told, "both are told")
        items = (await site.api.get("/outages", params={"cause": "media"})).json()["items"]
        assert "NoAnswer" in items[0]["evidence"]
        alarm = (await site.api.get("/alarms")).json()["items"][0]
        await site.api.post(f"/alarms/{alarm['alarm_id']}/acknowledge", json={})

        async def mended() -> bool:
            return (broken.settings.device_id, "storage") not in await causes(site, open="true")

        await eventually(mended, "acknowledging ends it")


async def test_a_site_that_goes_dark_is_one_line_and_counted_in_the_metrics(tmp_path: Path) -> None:
    async with small_site(tmp_path, outages=QUICK, sip=IMPATIENT) as site:
        for index in range(3):
            await site.add_camera(index, keepalive_interval_s=0.5)
        news = asyncio.create_task(first_news(site, "site-lost"))
        for device in site.devices:
            await device.go_dark()

        async def lost() -> bool:
            return bool((await site.api.get("/outages/sites")).json()["items"])

        await eventually(lost, "the site is reported", timeout_s=40)
        (line,) = (await site.api.get("/outages/sites")).json()["items"]
        assert (line["site"], line["cause"], line["devices_lost"]) == ("loopback market", "power", 3)
        assert line["ended_at"] is None
        assert {cause for _, cause in await causes(site)} == {"power"}
        base = str(site.api.base_url).removesuffix("/api/v1/")
        text = (await site.api.get(f"{base}/metrics")).text
        assert 'gb28181_outages_open{cause="power"} 3' in text
        assert "gb28181_sites_out 1" in text
        async with asyncio.timeout(10):
            assert '"site":"loopback market"' in (await news).replace(": ", ":")
