"""Two platforms in network namespaces, and a line that delays, loses, translates and is cut."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.namespaces import INSIDE, OUTSIDE, TRANSLATED, Line, Place, two_places, unavailable
from tests.support.platform_process import SIP_PASSWORD, eventually
from tests.support.three_levels import decoded
from tests.support.two_places import COUNTY, PROVINCE, Platform, agree, differing, platform, streaming

ORPHAN_S = 60.0
"""Within which the issue allows no stream to be left."""
QUICK = {
    "TONGSHI_SIP__KEEPALIVE_COUNT": "2",
    "TONGSHI_SIP__SILENCE_TIMEOUT_S": "3",
    "TONGSHI_SIP__CATALOG_QUIET_S": "2",
    "TONGSHI_HTTP__LEASE_LINGER_S": "2",
}
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


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with two_places(translated=True) as (inside, outside, line):
        async with contextlib.AsyncExitStack() as stack:
            county, province = await asyncio.gather(
                stack.enter_async_context(platform(tmp_path / "county", COUNTY, inside, environment=QUICK)),
                stack.enter_async_context(
                    platform(tmp_path / "province", PROVINCE, outside, environment=QUICK)
                ),
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
        await eventually(
            lambda: differing(scene.county), "the ledger says what the province does not know", 30.0
        )
        assert scene.line.translation is not None
        scene.line.translation.forget()
        conditions.is_cut = False

        async def is_back() -> bool:
            device = await scene.province.get(f"/devices/{COUNTY}")
            found = (await scene.link())["state"] == "online" and device["online"]
            return bool(found and device["remote"] != former)

        await eventually(is_back, "registered again, from another port of the NAT", 30.0)
        assert (await scene.link())["losses"] >= 1

        async def is_off() -> bool:
            return not (await scene.province.get(f"/channels/{COUNTY}~{channel}"))["online"]

        await eventually(is_off, "the province knows that the camera went away meanwhile", 30.0)
        await eventually(
            lambda: agree(scene.county, scene.province), "the ledger and the province's list agree", 30.0
        )
    assert scene.line.lost > 10


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
    return found


async def no_stream_is_left(scene: Scene) -> None:
    """Neither at the province, whose pictures stopped, nor at the county, which nobody tells anything."""

    async def none_left() -> bool:
        return not await streaming(scene.county) and not await streaming(scene.province)

    await eventually(none_left, "no stream is left", ORPHAN_S)
