"""Firmware upgrades through everything: an operator's file, a device that fetches, restarts and reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sipserver.devices.uploads.settings import UploadSettings
from sipserver.gb.editions import Edition
from sipserver.gb.session_ids import is_session_id
from sipserver.simulator.device import SimulatedDevice
from tests.support.platform_process import eventually
from tests.support.small_site import SmallSite, small_site

IMAGE = bytes(range(256)) * 1000
NAMES = {"file_name": "cam_v2.bin", "manufacturer": "Tongshi", "version": "V2.0.1"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    async with small_site(tmp_path, uploads=UploadSettings(firmware_max_bytes=1_000_000)) as opened:
        yield opened


async def upload(site: SmallSite) -> str:
    answer = await site.api.post("/firmware", params=NAMES, content=IMAGE)
    assert answer.status_code == 201, answer.text
    firmware_id: str = answer.json()["firmware_id"]
    return firmware_id


async def upgrade(site: SmallSite, camera: SimulatedDevice, firmware_id: str) -> dict[str, Any]:
    path = f"/devices/{camera.settings.device_id}/upgrades"
    answer = await site.api.post(path, json={"firmware_id": firmware_id})
    assert answer.status_code == 201, answer.text
    started: dict[str, Any] = answer.json()
    return started


async def ended(site: SmallSite, session_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await site.api.get(f"/upgrades/{session_id}")).json()
        return found if found["ended_at"] is not None else None

    return await eventually(look, "the upgrade has ended")


async def test_a_device_fetches_its_firmware_restarts_and_reports(site: SmallSite) -> None:
    """GB-C064 (Response), GB-C068 (SessionID), GB-C069 (result matched by it)."""
    camera = await site.add_camera(edition=Edition.V3_0)
    firmware_id = await upload(site)
    registrations = camera.stats.registrations
    started = await upgrade(site, camera, firmware_id)
    assert is_session_id(started["session_id"])
    done = await ended(site, started["session_id"])
    assert (done["state"], done["firmware_after"]) == ("succeeded", "V2.0.1")
    assert camera.firmware.fetched == IMAGE
    assert camera.stats.registrations > registrations

    async def noted() -> bool:
        device = (await site.api.get(f"/devices/{camera.settings.device_id}")).json()
        return bool(device["firmware"] == "V2.0.1")

    await eventually(noted, "the new version stands in the catalogue")
    listed = (await site.api.get(f"/devices/{camera.settings.device_id}/upgrades")).json()["items"]
    assert [each["session_id"] for each in listed] == [started["session_id"]]


async def test_a_failed_upgrade_says_why(site: SmallSite) -> None:
    camera = await site.add_camera(edition=Edition.V3_0, faults=("upgrade-fails",))
    done = await ended(site, (await upgrade(site, camera, await upload(site)))["session_id"])
    assert (done["state"], done["detail"], done["firmware_after"]) == (
        "failed",
        "the package is damaged",
        "1.0",
    )


async def test_one_upgrade_of_a_device_at_a_time_and_the_file_stays_meanwhile(site: SmallSite) -> None:
    """The device fetches, registers again, and never reports; the address works until that is given up."""
    camera = await site.add_camera(edition=Edition.V3_0, faults=("upgrade-silent",))
    firmware_id = await upload(site)
    started = await upgrade(site, camera, firmware_id)
    path = f"/devices/{camera.settings.device_id}/upgrades"
    busy = await site.api.post(path, json={"firmware_id": firmware_id})
    assert (busy.status_code, busy.json()["code"]) == (503, "transfers-busy")
    kept = await site.api.delete(f"/firmware/{firmware_id}")
    assert kept.status_code == 503

    async def restarted() -> bool:
        found = (await site.api.get(f"/upgrades/{started['session_id']}")).json()
        return bool(found["state"] == "restarted")

    await eventually(restarted, "the device has registered again")
    token = site.platform.devices.uploads.upgrades._running[started["session_id"]].token
    base = f"http://127.0.0.1:{site.platform.http_port}/f"
    async with httpx.AsyncClient(trust_env=False) as device:
        part = await device.get(f"{base}/{token}/cam.bin", headers={"range": "bytes=256-511"})
        assert (part.status_code, part.content) == (206, IMAGE[256:512])
        assert (await device.head(f"{base}/{token}")).headers["content-length"] == str(len(IMAGE))
        assert (await device.get(f"{base}/{token[:-1]}")).status_code == 404


async def test_an_upgrade_without_a_result_is_given_up_also_over_a_restart(tmp_path: Path) -> None:
    short = UploadSettings(upgrade_timeout_s=3.0)
    async with small_site(tmp_path, uploads=short) as site:
        camera = await site.add_camera(edition=Edition.V3_0, faults=("upgrade-silent",))
        session_id = (await upgrade(site, camera, await upload(site)))["session_id"]
    async with small_site(tmp_path, uploads=short) as site:
        done = await ended(site, session_id)
        assert done["state"] == "timed_out"
        (found,) = (await site.api.get("/firmware")).json()["items"]
        assert (await site.api.delete(f"/firmware/{found['firmware_id']}")).status_code == 204
        assert (await site.api.get("/firmware")).json()["items"] == []
        assert [file for file in (tmp_path / "recordings" / "uploads").rglob("*") if file.is_file()] == []


async def test_firmware_has_bounds_and_rights(site: SmallSite) -> None:
    large = await site.api.post("/firmware", params=NAMES, content=bytes(1_000_001))
    assert (large.status_code, large.json()["code"]) == (413, "file-too-large")
    assert (await site.api.get("/firmware")).json()["items"] == []
    camera = await site.add_camera(edition=Edition.V2_0)
    path = f"/devices/{camera.settings.device_id}/upgrades"
    missing = await site.api.post(path, json={"firmware_id": "0" * 32}, params={"despite_edition": True})
    assert missing.status_code == 404
    gate = await site.api.post(path, json={"firmware_id": await upload(site)})
    assert (gate.status_code, gate.json()["code"]) == (409, "not-in-edition")
    async with httpx.AsyncClient(base_url=site.api.base_url, trust_env=False) as stranger:
        assert (await stranger.post("/firmware", params=NAMES, content=IMAGE)).status_code == 401
        assert (await stranger.get("/firmware")).status_code == 401
