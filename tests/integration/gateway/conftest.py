"""A gateway over a real data plane and database, and cameras that speak RTSP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from access.secrets import SecretBox
from catalog.model import ChannelKey
from catalog.store import CatalogStore
from config.database import migrate, open_database
from gateway.gateway import Gateway
from gateway.model import ChannelFile, Source
from media.session import MediaPlane
from media.settings import MediaSettings
from media.sources.address import SourceAddress
from media.sources.settings import SourceSettings
from tests.support.port_ranges import free_ports_in_a_row, rtp_ports
from tests.support.rtsp_source import Habits, RtspSource

PATIENCE_S = 30.0
PLATFORM_ID = "34020000002000000001"
QUICK = SourceSettings(
    open_timeout_s=3.0,
    read_timeout_s=1.5,
    keyframe_timeout_s=5.0,
    analyze_s=0.5,
    linger_s=0.3,
    retry_first_s=0.1,
    retry_most_s=0.4,
    unauthorised_wait_s=60.0,
    check_s=5.0,
)


async def until(condition: Callable[[], Any], what: str = "") -> Any:
    """Wait for something that happens by itself."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := condition()):  # noqa: ASYNC110  (no event tells it)
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within {PATIENCE_S:g} s: {what or condition}")
    return found


class Bench:
    """What a test works with."""

    def __init__(self, gateway: Gateway, media: MediaPlane, catalog: CatalogStore) -> None:
        self.gateway = gateway
        self.media = media
        self.catalog = catalog

    async def add(self, camera: RtspSource | str, *, name: str = "gate", **changes: Any) -> ChannelKey:
        url = camera if isinstance(camera, str) else camera.url
        source = Source(channel_id="", address=SourceAddress.parse(url), **changes)
        made = await self.gateway.add(source, ChannelFile(name=name, civil_code="340200"))
        return ChannelKey(self.gateway.device_id, made.channel_id)

    async def online(self, key: ChannelKey) -> bool | None:
        channel = await self.catalog.get_channel(key)
        assert channel is not None
        return channel.status_online

    async def until_online(self, key: ChannelKey, wanted: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.online(key) is not wanted:  # noqa: ASYNC110  (the database tells nobody)
                await asyncio.sleep(0.05)


MakeCamera = Callable[..., Awaitable[RtspSource]]


@pytest.fixture
async def make_camera() -> AsyncIterator[MakeCamera]:
    async with AsyncExitStack() as stack:

        async def make(**habits: Any) -> RtspSource:
            return await stack.enter_async_context(RtspSource(Habits(**habits)))

        yield make


@pytest.fixture
def settings() -> SourceSettings:
    return QUICK


@pytest.fixture
async def bench(tmp_path: Path, settings: SourceSettings) -> AsyncIterator[Bench]:
    engine = open_database(f"sqlite:///{tmp_path}/gateway.db")
    await migrate(engine)
    rtmp_port = free_ports_in_a_row(2).start
    media = MediaPlane(
        MediaSettings(host="127.0.0.1", port=0, rtp_ports=rtp_ports(), threads=1, rtmp_port=rtmp_port)
    )
    await media.open()
    catalog = CatalogStore(engine)
    box = SecretBox(tmp_path)
    gateway = Gateway(
        settings,
        engine,
        media,
        catalog,
        platform_id=PLATFORM_ID,
        seal=box.seal,
        unseal=box.unseal,
        push_resume_s=4.0,
    )
    media.on_publish = gateway.judge
    await gateway.open()
    yield Bench(gateway, media, catalog)
    await gateway.close()
    await media.close()
    await engine.dispose()
