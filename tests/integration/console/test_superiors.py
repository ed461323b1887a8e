"""Superiors through the API: a real platform between a simulated camera and a superior. GB-C128, GB-C131."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipserver.devices.settings import DeviceSettings
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.gb.sdp import PS, Direction, SessionDescription
from tests.integration.media.far_platform import udp_platform
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site
from tests.unit.sipserver.simulator.small_platform import PASSWORD, PLATFORM_ID, SmallPlatform

SIP = DeviceSettings(host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.0)


@pytest.fixture
async def above() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, sip=SIP) as opened:
        yield opened


def superior(above: SmallPlatform, **values: Any) -> dict[str, Any]:
    return {
        "superior_id": "34019999002000000001",
        "host": "127.0.0.1",
        "port": above.port,
        "domain": PLATFORM_ID[:10],
        "password": PASSWORD,
        "fragment_items": 20,
        "shares": [{"kind": "all"}],
    } | values


async def _state(site: SmallSite, superior_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await site.api.get(f"/superiors/{superior_id}")).json()
    return found


async def test_a_superior_is_entered_sees_the_camera_watches_it_and_is_removed(
    site: SmallSite, above: SmallPlatform
) -> None:
    camera = await site.add_camera()
    (channel,) = camera.settings.all_channel_ids
    entered = await site.api.post("/superiors", json=superior(above, superior_id="34000000002000000009"))
    assert entered.status_code == 201, entered.text
    own_id = entered.json()["own_id"]

    # The superior of the tests calls itself by its own id: it has to be the one on file.
    assert (await site.api.delete("/superiors/34000000002000000009")).status_code == 204
    own = superior(above, superior_id=PLATFORM_ID, own_id="34010000002000000001")
    assert PLATFORM_ID != own["own_id"] != own_id
    assert (await site.api.post("/superiors", json=own)).status_code == 201
    assert (await site.api.post("/superiors", json=own)).status_code == 409

    async def online() -> bool:
        return bool((await _state(site, PLATFORM_ID))["link"]["state"] == "online")

    await eventually(online, "registered with the superior")
    await above.send(own["own_id"], CatalogQuery("5", GbId(own["own_id"])).to_xml())
    await above.until(lambda: len(above.of_type("Catalog")) == 1)
    listed = CatalogResponse.from_xml(above.of_type("Catalog")[0].element)
    assert [item.device_id for item in listed.items] == [own["own_id"], channel]
    shown = (await site.api.get(f"/superiors/{PLATFORM_ID}/catalogue")).json()["items"]
    assert [item["id"] for item in shown] == [own["own_id"], channel]
    assert shown[1]["channel"] == f"{camera.settings.device_id}~{channel}"

    with udp_platform() as (receiver, port, _):
        offer = SessionDescription(
            PLATFORM_ID, "127.0.0.1", port, payloads=(PS,), direction=Direction.RECVONLY, ssrc="0200000077"
        )
        response, dialog = await above.invite(channel, offer, f"{channel}:0,{PLATFORM_ID}:0", timeout_s=20.0)
        assert response.status == 200
        assert dialog is not None
        await above.until(lambda: len(receiver.packets) > 60, 20.0)
        assert receiver.stream.startswith(b"\0\0\1\xba")
        (stream,) = (await site.api.get(f"/superiors/{PLATFORM_ID}/streams")).json()["items"]
        assert (stream["id"], stream["state"], stream["ssrc"]) == (channel, "sending", "0200000077")
        assert (await _state(site, PLATFORM_ID))["streams"] == 1
        removed = await site.api.delete(f"/superiors/{PLATFORM_ID}")
        assert removed.status_code == 204
        await above.until(lambda: len(above.byes) == 1)
    assert (await site.api.get("/superiors")).json()["items"] == []
    assert above.accepted_registrations[-1].headers.get("Expires") == "0"


async def test_settings_are_checked_and_the_password_is_never_told(
    site: SmallSite, above: SmallPlatform
) -> None:
    for wrong in (
        {"superior_id": "123"},
        {"port": 0},
        {"edition": "9.9"},
        {"shares": [{"kind": "planet"}]},
        {"id_prefix": "12345"},
        {"unknown": 1},
    ):
        answer = await site.api.post("/superiors", json=superior(above, **wrong))
        assert answer.status_code == 422, (wrong, answer.text)
    entered = await site.api.post("/superiors", json=superior(above, enabled=False))
    assert entered.json()["has_password"] is True
    assert PASSWORD not in entered.text
    body = superior(above, enabled=False, name="City", tree="groups")
    del body["superior_id"], body["password"]
    changed = (await site.api.put("/superiors/34019999002000000001", json=body)).json()
    assert (changed["name"], changed["tree"], changed["has_password"]) == ("City", "groups", True)
    assert changed["link"]["state"] == "off"
    for method in ("get", "delete"):
        missing = await getattr(site.api, method)("/superiors/34019999002000000002")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown-superior")


async def test_a_superior_is_tried_out(site: SmallSite, above: SmallPlatform) -> None:
    camera = await site.add_camera()
    (channel,) = camera.settings.all_channel_ids
    body = superior(above, superior_id=PLATFORM_ID, own_id="34010000002000000001", enabled=False)
    assert (await site.api.post("/superiors", json=body)).status_code == 201
    path = f"/superiors/{PLATFORM_ID}"

    async def tried() -> list[tuple[str, bool, str]]:
        answer = await site.api.post(f"{path}/test-call")
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert result["ok"] is all(step["ok"] for step in result["steps"])
        return [(step["name"], step["ok"], step["detail"]) for step in result["steps"]]

    async def change(**values: Any) -> None:
        changed = {**body, "enabled": True, **values}
        del changed["superior_id"]
        assert (await site.api.put(path, json=changed)).status_code == 200

    assert await tried() == [("registration", False, "it is switched off")]
    await change(password="wrong", retry_s=600)
    ((name, ok, detail),) = await tried()
    assert (name, ok) == ("registration", False)
    assert "403" in detail or "401" in detail, detail
    # What an operator does then: mend it, and try again at once.
    await change(shares=[])
    steps = await tried()
    assert [ok for _, ok, _ in steps] == [True, True, False]
    assert steps[-1][2] == "no rule shows it a camera"
    await change()
    steps = await tried()
    assert [name for name, ok, _ in steps if ok] == ["registration", "answer", "catalogue", "picture"]
    assert steps[0][2] == f"registered at 127.0.0.1:{above.port}"
    assert steps[3][2].startswith(f"{channel} H264 ")
    assert (await site.api.post("/superiors/34000000002000000099/test-call")).status_code == 404
