"""Outages through the whole platform: what is shown when devices go and come."""

from __future__ import annotations

from pathlib import Path

from health.outages.settings import OutageSettings
from sipserver.devices.settings import DeviceSettings
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


async def test_a_site_that_goes_dark_is_one_line_and_counted_in_the_metrics(tmp_path: Path) -> None:
    async with small_site(tmp_path, outages=QUICK, sip=IMPATIENT) as site:
        for index in range(3):
            await site.add_camera(index, keepalive_interval_s=0.5)
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
