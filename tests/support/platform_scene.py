"""Cameras and callers around a real platform process: what end-to-end tests share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import av
import httpx

from console.client import Channel, Client, RecordingItem
from sipserver.simulator.run import run_fleet
from sipserver.simulator.settings import SimulatedDeviceSettings, camera_settings
from tests.support.platform_process import (
    ADMIN_PASSWORD,
    PLATFORM_ID,
    SIP_PASSWORD,
    PlatformProcess,
    eventually,
)


@contextlib.asynccontextmanager
async def cameras(*fleet: SimulatedDeviceSettings) -> AsyncIterator[None]:
    running = asyncio.create_task(run_fleet(fleet))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def camera(platform: PlatformProcess, index: int = 0, **changes: object) -> SimulatedDeviceSettings:
    made = camera_settings(index, PLATFORM_ID, "127.0.0.1", platform.sip_port, SIP_PASSWORD)
    made = replace(made, register_retry_s=1.0, pictures=replace(made.pictures, loop_s=2, gop_s=1.0))
    return replace(made, **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def logged_in(platform: PlatformProcess) -> AsyncIterator[Client]:
    async with Client.over_http(platform.base_url) as client:
        await client.login("admin", ADMIN_PASSWORD)
        yield client


async def known_channel(client: Client, channel_id: str) -> Channel:
    async def probe() -> Channel | None:
        channels = [channel async for channel in client.all_channels()]
        return next((each for each in channels if each.channel_id == channel_id and each.online), None)

    found = await eventually(probe, f"channel {channel_id} is online")
    assert found is not None
    return found


async def grown(client: Client, channel_id: str) -> RecordingItem:
    """The first recording of the channel, once it has more than a second."""

    async def probe() -> RecordingItem | None:
        items = (await client.recordings(channel_id)).items
        return items[0] if items and items[0].duration_s > 1.5 else None

    found = await eventually(probe, "a recording of more than a second")
    assert found is not None
    return found


async def metrics(platform: PlatformProcess) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{platform.base_url}/metrics")).text


async def metric(platform: PlatformProcess, name: str) -> float:
    """The sum of all samples of a family; 0 when it is not there."""
    lines = [line for line in (await metrics(platform)).splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines if line[len(name)] in " {")


def pictures_in(path: Path) -> int:
    """How many pictures of the file decode, by a judge that shares no code with us."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
