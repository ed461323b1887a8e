"""Two platforms in network namespaces, and a line that delays, loses, translates and is cut."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.namespaces import INSIDE, OUTSIDE, TRANSLATED, Line, Place, two_places, unavailable
from tests.support.platform_process import ADMIN_PASSWORD, SIP_PASSWORD, PlatformProcess, eventually
from tests.support.three_levels import decoded

PROVINCE = "34000000002000000001"
COUNTY = "34010200002000000001"
ORPHAN_S = 60.0
"""Within which the issue allows no stream to be left."""
QUICK = {
    "TONGSHI_SIP__KEEPALIVE_COUNT": "2",
    "TONGSHI_SIP__SILENCE_TIMEOUT_S": "3",
    "TONGSHI_SIP__CATALOG_QUIET_S": "2",
    "TONGSHI_HTTP__LEASE_LINGER_S": "2",
}
LIMITS = httpx.Limits(keepalive_expiry=1.0)
"""Shorter than the server's: on a busy machine both would give up one connection at the same moment."""
SUPERIOR = {
    "superior_id": PROVINCE,
    "own_id": COUNTY,
    "host": OUTSIDE,
    "password": SIP_PASSWORD,
    "keepalive_s": 5,
    "keepalive_misses": 1,
    "retry_s": 1,
    "retry_max_s": 2,
    "fragment_items": 1,
    "shares": [{"kind": "all"}],
}

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())


@dataclass(slots=True)
class Platform:
    process: PlatformProcess
    api: httpx.AsyncClient

    async def get(self, path: str) -> Any:
        answer = await self.api.get(path)
        return answer.json() if answer.status_code == 200 else None

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self.api.post(path, json=body or None)
        assert answer.status_code in (200, 201), f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@dataclass(slots=True)
class Scene:
    """The county is inside, the province outside."""

    county: Platform
    province: Platform
    line: Line
    inside: Place

    @contextlib.contextmanager
    def camera(self) -> Iterator[subprocess.Popen[bytes]]:
        """A simulated camera of the county, in a process of its own."""
        process = self.county.process
        command = process.command(
            "simulate", "camera", "--server", f"{INSIDE}:{process.sip_port}", "--server-id", COUNTY,
            "--password", SIP_PASSWORD, "--keepalive", "1",
        )  # fmt: skip
        with (process.directory / "camera.log").open("wb") as log:
            started = subprocess.Popen(command, env=process.env(), stdout=log, stderr=log)
        try:
            yield started
        finally:
            started.kill()
            started.wait(20)

    async def link(self) -> Any:
        return (await self.county.get(f"/superiors/{PROVINCE}"))["link"]


@contextlib.asynccontextmanager
async def platform(directory: Path, platform_id: str, place: Place) -> AsyncIterator[Platform]:
    await asyncio.to_thread(directory.mkdir)
    process = PlatformProcess(
        directory,
        platform_id=platform_id,
        host=place.address,
        media_host="0.0.0.0",  # noqa: S104 - viewers come from the other side
        http_host=place.desk,
        runner=place.runner,
        environment=QUICK,
    )
    try:
        await process.start()
        async with httpx.AsyncClient(
            base_url=f"{process.base_url}/api/v1", trust_env=False, timeout=30, limits=LIMITS
        ) as api:
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            token = (await api.post("/login", json=login)).json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            yield Platform(process, api)
            await process.stop()
    finally:
        process.kill()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with two_places(translated=True) as (inside, outside, line):
        async with contextlib.AsyncExitStack() as stack:
            county, province = await asyncio.gather(
                stack.enter_async_context(platform(tmp_path / "county", COUNTY, inside)),
                stack.enter_async_context(platform(tmp_path / "province", PROVINCE, outside)),
            )
            yield Scene(county, province, line, inside)


async def test_a_lossy_line_through_nat_is_cut_and_everything_comes_back(scene: Scene) -> None:
    """GB-C128. Registration recovers, no stream is left over, and the province's list converges."""
    conditions = scene.line.conditions
    conditions.delay_s, conditions.jitter_s, conditions.loss = 0.03, 0.01, 0.02
    with scene.camera() as camera:
        channel = await registered_and_listed(scene)
        live = await scene.province.post(f"/channels/{COUNTY}~{channel}/live")
        assert len(await decoded(live["urls"]["flv_http"], 10, 15.0)) == 10
        former = (await scene.province.get(f"/devices/{COUNTY}"))["remote"]

        conditions.is_cut = True
        await no_stream_is_left(scene)
        assert (await scene.link())["state"] != "online"
        camera.terminate()
        await eventually(lambda: differing(scene), "the ledger says what the province does not know", 30.0)
        assert scene.line.translation is not None
        scene.line.translation.forget()
        conditions.is_cut = False

        async def is_back() -> bool:
            device = await scene.province.get(f"/devices/{COUNTY}")
            found = (await scene.link())["state"] == "online" and device["online"]
            return bool(found and device["remote"] != former)

        await eventually(is_back, "registered again, from another port of the NAT", 30.0)
        assert (await scene.link())["losses"] == 1

        async def is_off() -> bool:
            return not (await scene.province.get(f"/channels/{COUNTY}~{channel}"))["online"]

        await eventually(is_off, "the province knows that the camera went away meanwhile", 30.0)
        await eventually(lambda: converged(scene), "the ledger and the province's list agree", 30.0)
    assert scene.line.lost > 10


async def differing(scene: Scene) -> list[Any]:
    """What the province does not know as it is, by the county's ledger."""
    found: list[Any] = (await scene.county.get(f"/superiors/{PROVINCE}/ledger?differing=true"))["items"]
    return found


async def converged(scene: Scene) -> bool:
    """Nothing is left to tell, and the province lists what it is shown."""
    shown = (await scene.county.get(f"/superiors/{PROVINCE}/catalogue"))["items"]
    listed = (await scene.province.get(f"/devices/{COUNTY}/channels"))["items"]
    intended = {each["id"]: each["status"] == "ON" for each in shown if each["channel"]}
    known = {each["channel_id"]: each["online"] for each in listed if each["kind"] == "camera"}
    return intended == known and not await differing(scene)


async def registered_and_listed(scene: Scene) -> str:
    """The camera's channel, once the province lists it."""
    port = scene.province.process.sip_port
    await scene.county.post("/superiors", **SUPERIOR, port=port)

    async def registered() -> bool:
        device = await scene.province.get(f"/devices/{COUNTY}")
        return bool(device and device["online"] and device["remote"].startswith(f"{TRANSLATED}:"))

    await eventually(registered, "the county is registered from the address of the NAT", 30.0)

    async def channels(site: Platform, device: str) -> list[str]:
        items = (await site.get("/channels"))["items"]
        return [each["channel_id"] for each in items if each["kind"] == "camera" and each["online"]]

    async def listed() -> list[str]:
        if not await channels(scene.county, ""):
            return []
        await scene.province.api.post(f"/devices/{COUNTY}/catalog")
        return await channels(scene.province, COUNTY)

    (found,) = await eventually(listed, "the province lists the camera", 30.0, 0.5)
    subscribed = await scene.province.api.put(f"/devices/{COUNTY}/subscriptions/catalog", json={})
    assert subscribed.json()["state"] == "active", subscribed.text
    return found


async def no_stream_is_left(scene: Scene) -> None:
    """Neither at the province, whose pictures stopped, nor at the county, which nobody tells anything."""

    async def none_left() -> bool:
        going_up = (await scene.county.get(f"/superiors/{PROVINCE}/streams"))["items"]
        running = [
            channel
            for site in (scene.county, scene.province)
            for channel in (await site.get("/channels"))["items"]
            if channel["streaming"]
        ]
        return not going_up and not running

    await eventually(none_left, "no stream is left", ORPHAN_S)
