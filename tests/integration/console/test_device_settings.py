"""What an operator sets for one device, through the API to the wire."""

from __future__ import annotations

from pathlib import Path

from media.session import MediaTransport
from tests.integration.sipserver.scripted_device import ScriptedDevice
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site

DEVICE_ID = "34020000001320000077"


def scripted(site: SmallSite) -> ScriptedDevice:
    return ScriptedDevice(DEVICE_ID, (HOST, site.sip_port), password=SIP_PASSWORD)


async def test_the_date_is_switched_off_for_one_device(tmp_path: Path) -> None:
    """GB-C036."""
    async with small_site(tmp_path) as site:
        path = f"/devices/{DEVICE_ID}"
        assert (await site.api.put(path, json={"name": "two masters"})).json()["send_date"] is True
        changed = await site.api.patch(path, json={"send_date": False})
        assert changed.json()["send_date"] is False
        async with scripted(site) as device:
            assert (await device.register()).get("Date") == ""
        await site.api.patch(path, json={"send_date": True})
        async with scripted(site) as device:
            assert (await device.register()).get("Date")


async def test_media_is_asked_for_as_was_set_for_the_device(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        camera = await site.add_camera()
        device_id, channel_id = camera.settings.device_id, camera.settings.all_channel_ids[0]
        assert (await site.api.get(f"/devices/{device_id}")).json()["media_transport"] is None
        for choice, transport in (("tcp_passive", MediaTransport.TCP_PASSIVE), ("udp", MediaTransport.UDP)):
            change = {"media_transport": choice}
            changed = await site.api.patch(f"/devices/{device_id}", json=change)
            assert changed.json()["media_transport"] == choice
            live = (await site.api.post(f"/channels/{channel_id}/live")).json()
            assert [each.transport for each in site.platform.devices.invites.snapshot()] == [transport]
            await site.api.delete(f"/live/{live['session_id']}")
            key = site.platform.devices.invites.snapshot()[0].key
            site.platform.devices.invites.stop(key)
        refused = await site.api.patch(f"/devices/{device_id}", json={"media_transport": "pigeon"})
        assert refused.status_code == 422
        back = await site.api.patch(f"/devices/{device_id}", json={"media_transport": None})
        assert back.json()["media_transport"] is None
