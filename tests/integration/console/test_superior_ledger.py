"""The ledger through the API: a real platform, a simulated camera, a superior that subscribes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmNotify, AlarmQuery
from sipserver.gb.messages.catalog import CatalogQuery
from tests.integration.cascade.listener import Listener
from tests.integration.console.test_superiors import SIP, superior
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

PATH = f"/superiors/{PLATFORM_ID}"


@pytest.fixture
async def above() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
async def site(tmp_path: Path, above: SmallPlatform) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, sip=SIP) as opened:
        yield opened


async def get(site: SmallSite, path: str) -> dict[str, Any]:
    answer = await site.api.get(f"{PATH}{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_camera_that_is_switched_off_is_known_above_within_five_seconds_and_stands_in_the_ledger(
    site: SmallSite, above: SmallPlatform
) -> None:
    """Also its alarm, told once although it is repeated."""
    camera = await site.add_camera()
    (channel,) = camera.settings.all_channel_ids
    entered = superior(above, superior_id=PLATFORM_ID, own_id=OWN_ID, pushes_alarms=True)
    assert (await site.api.post("/superiors", json=entered)).status_code == 201

    async def online() -> bool:
        return bool((await get(site, ""))["link"]["state"] == "online")

    await eventually(online, "registered with the superior")
    listener, guard = Listener(above), Listener(above)
    assert (await listener.subscribe(CatalogQuery("1", GbId(OWN_ID)).to_xml())).status == 200
    assert (await guard.subscribe(AlarmQuery("2", GbId(channel)).to_xml())).status == 200
    kinds = [each["kind"] for each in (await get(site, "/subscriptions"))["items"]]
    assert kinds == ["Catalog", "Alarm"]

    for _ in range(3):
        assert camera.raise_alarm(source_id=channel)
    await above.until(lambda: bool(guard.documents))
    assert AlarmNotify.from_xml(guard.documents[0].element).device_id == channel

    await camera.stop()
    await above.until(lambda: ("OFF", channel[-4:]) in listener.events, 5.0)
    assert len(guard.documents) == 1

    page = await get(site, "/ledger?limit=1")
    assert len(page["items"]) == 1
    rest = await get(site, f"/ledger?cursor={page['next']}")
    line = next(each for each in [*page["items"], *rest["items"]] if each["id"] == channel)
    assert (line["intended"], line["sent"], line["acknowledged"]) == ("off", "off", "off")
    assert line["difference"] is None
    differing = (await get(site, "/ledger?difference=never_sent"))["items"]
    assert [each["id"] for each in differing] == [OWN_ID]
    summary = await get(site, "/ledger/summary")
    assert (summary["intended"], summary["differences"]) == (2, {"never_sent": 1})

    pushed = await site.api.post(f"{PATH}/ledger/push", json={})
    assert (pushed.status_code, pushed.json()) == (202, {"entries": 1})
    await above.until(lambda: ("UPDATE", OWN_ID[-4:]) in listener.events)

    async def settled() -> bool:
        return not (await get(site, "/ledger?differing=true"))["items"]

    await eventually(settled, "no difference is left")
    named = await site.api.put(f"{PATH}/catalogue/{channel}", json={"name": "东门"})
    assert named.status_code == 204
    await above.until(lambda: ("UPDATE", channel[-4:]) in listener.events)
    missing = await site.api.put(f"{PATH}/catalogue/340102000013299", json={})
    assert (missing.status_code, missing.json()["code"]) == (404, "not-presented")
