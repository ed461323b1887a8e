"""Storage with the real data plane under it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey, Device
from catalog.store import CatalogStore
from config.database import migrate, open_database
from media.facts import AudioInfo, StreamInfo
from storage.service import StorageService
from storage.settings import StorageSettings
from tests.integration.storage.picture import HEIGHT, SSRC, WIDTH, Sender
from tests.support.port_ranges import rtp_ports

DEADLINE_S = 30.0


def media_settings() -> Any:
    """Settings of a data plane on free ports; says why when there is none."""
    try:
        import media.engine  # noqa: F401
    except ImportError as error:
        pytest.skip(f"the native data plane is not built: {error}")
    from media.settings import MediaSettings

    return MediaSettings(host="127.0.0.1", port=0, rtp_ports=rtp_ports(), threads=1)


async def until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait for threads that work on real files."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the work is done by threads, which set no event of ours
    assert found, what
    return found


@dataclass
class Hold:
    session: Any
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    lost_reason: str = ""

    @property
    def info(self) -> StreamInfo:
        return StreamInfo("H264", WIDTH, HEIGHT, AudioInfo("G711A", 8000, 1), "video/mp4")

    async def release(self) -> None:
        await self.session.close("released")


class Source:
    """Opens a session for each hold; a test sends the stream."""

    def __init__(self, plane: Any) -> None:
        self._plane = plane
        self.holds: list[Hold] = []

    async def hold(self, key: ChannelKey, purpose: str, *, tag: str) -> Hold:
        from media.transport import MediaTransport

        session = await self._plane.open_session(
            transport=MediaTransport.TCP_PASSIVE, ssrc=SSRC, label=str(key)
        )
        self.holds.append(Hold(session))
        return self.holds[-1]

    async def sender(self) -> Sender:
        return await Sender.connect(self.holds[-1].session.port)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(opened)
    yield opened
    await opened.dispose()


@pytest.fixture
async def plane() -> AsyncIterator[Any]:
    settings = media_settings()
    from media.session import MediaPlane

    opened = MediaPlane(settings)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def catalog(engine: AsyncEngine) -> CatalogStore:
    store = CatalogStore(engine)
    await store.upsert_device(Device(device_id="34020000001180000005"))
    return store


@pytest.fixture
def settings(tmp_path: Path) -> StorageSettings:
    return StorageSettings(
        path=tmp_path / "recordings", segment_s=2.0, free_floor_bytes=0, flush_s=0.1, retry_min_s=0.1
    )


@pytest.fixture
def source(plane: Any) -> Source:
    return Source(plane)


@pytest.fixture
async def service(
    settings: StorageSettings, engine: AsyncEngine, source: Source, catalog: CatalogStore
) -> AsyncIterator[StorageService]:
    opened = StorageService(settings, engine, source, catalog)
    await opened.open()
    yield opened
    await opened.close()
